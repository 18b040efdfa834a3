// Generated from status.hbs by `npm run templates`; do not edit.
// @ts-nocheck -- Handlebars writes no types
export const statusTemplate = {"0":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=depth0 != null ? depth0 : (container.nullContext || {}), alias2=container.strict, alias3=container.lambda, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- **"
    + ((stack1 = lookupProperty(helpers,"md").call(alias1,lookupProperty(depth0,"name"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":5,"column":4},"end":{"line":5,"column":15}}})) != null ? stack1 : "")
    + "**: "
    + ((stack1 = alias3(alias2(depth0, "status", {"start":{"line":5,"column":21},"end":{"line":5,"column":27}} ), depth0)) != null ? stack1 : "")
    + " ("
    + ((stack1 = alias3(alias2(depth0, "passing", {"start":{"line":5,"column":33},"end":{"line":5,"column":40}} ), depth0)) != null ? stack1 : "")
    + "/"
    + ((stack1 = alias3(alias2(depth0, "total", {"start":{"line":5,"column":45},"end":{"line":5,"column":50}} ), depth0)) != null ? stack1 : "")
    + " tests, "
    + ((stack1 = alias3(alias2(depth0, "skipped", {"start":{"line":5,"column":62},"end":{"line":5,"column":69}} ), depth0)) != null ? stack1 : "")
    + " skipped) ["
    + ((stack1 = alias3(alias2(depth0, "formats", {"start":{"line":5,"column":84},"end":{"line":5,"column":91}} ), depth0)) != null ? stack1 : "")
    + "] v"
    + ((stack1 = lookupProperty(helpers,"md").call(alias1,lookupProperty(depth0,"extractor_version"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":5,"column":96},"end":{"line":5,"column":120}}})) != null ? stack1 : "")
    + " "
    + ((stack1 = alias3(alias2(depth0, "mark", {"start":{"line":5,"column":124},"end":{"line":5,"column":128}} ), depth0)) != null ? stack1 : "")
    + "\n";
},"1":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=container.strict, alias2=container.lambda, alias3=depth0 != null ? depth0 : (container.nullContext || {}), lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return ((stack1 = alias2(alias1(depth0, "indent", {"start":{"line":10,"column":2},"end":{"line":10,"column":8}} ), depth0)) != null ? stack1 : "")
    + "### "
    + ((stack1 = lookupProperty(helpers,"md").call(alias3,lookupProperty(depth0,"title"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":10,"column":14},"end":{"line":10,"column":26}}})) != null ? stack1 : "")
    + " ("
    + ((stack1 = alias2(alias1(depth0, "item_type", {"start":{"line":10,"column":30},"end":{"line":10,"column":39}} ), depth0)) != null ? stack1 : "")
    + ") "
    + ((stack1 = alias2(alias1(depth0, "mark", {"start":{"line":10,"column":46},"end":{"line":10,"column":50}} ), depth0)) != null ? stack1 : "")
    + "\n"
    + ((stack1 = alias2(alias1(depth0, "indent", {"start":{"line":11,"column":2},"end":{"line":11,"column":8}} ), depth0)) != null ? stack1 : "")
    + "- **Status**: "
    + ((stack1 = alias2(alias1(depth0, "status", {"start":{"line":11,"column":26},"end":{"line":11,"column":32}} ), depth0)) != null ? stack1 : "")
    + "\n"
    + ((stack1 = alias2(alias1(depth0, "indent", {"start":{"line":12,"column":2},"end":{"line":12,"column":8}} ), depth0)) != null ? stack1 : "")
    + "- **Created**: "
    + ((stack1 = alias2(alias1(depth0, "created", {"start":{"line":12,"column":27},"end":{"line":12,"column":34}} ), depth0)) != null ? stack1 : "")
    + "\n"
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"branch_name"),{"name":"if","hash":{},"fn":container.program(2, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":13,"column":0},"end":{"line":15,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"parent_title"),{"name":"if","hash":{},"fn":container.program(3, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":16,"column":0},"end":{"line":18,"column":7}}})) != null ? stack1 : "");
},"2":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return ((stack1 = container.lambda(container.strict(depth0, "indent", {"start":{"line":14,"column":2},"end":{"line":14,"column":8}} ), depth0)) != null ? stack1 : "")
    + "- **Branch**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"branch_name"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":14,"column":24},"end":{"line":14,"column":42}}})) != null ? stack1 : "")
    + "\n";
},"3":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return ((stack1 = container.lambda(container.strict(depth0, "indent", {"start":{"line":17,"column":2},"end":{"line":17,"column":8}} ), depth0)) != null ? stack1 : "")
    + "- **Parent**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"parent_title"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":17,"column":24},"end":{"line":17,"column":43}}})) != null ? stack1 : "")
    + "\n";
},"4":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "\n*"
    + ((stack1 = container.lambda(container.strict(depth0, "items_left", {"start":{"line":22,"column":3},"end":{"line":22,"column":13}} ), depth0)) != null ? stack1 : "")
    + " more active items are not listed here: `worktrail list --status active` shows them.*\n";
},"5":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=container.strict, alias2=container.lambda, alias3=depth0 != null ? depth0 : (container.nullContext || {}), lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "### "
    + ((stack1 = alias2(alias1(depth0, "deployed", {"start":{"line":27,"column":6},"end":{"line":27,"column":14}} ), depth0)) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"pr_number"),{"name":"if","hash":{},"fn":container.program(6, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":27,"column":16},"end":{"line":27,"column":60}}})) != null ? stack1 : "")
    + " "
    + ((stack1 = alias2(alias1(depth0, "mark", {"start":{"line":27,"column":64},"end":{"line":27,"column":68}} ), depth0)) != null ? stack1 : "")
    + "\n"
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"pr_title"),{"name":"if","hash":{},"fn":container.program(7, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":28,"column":0},"end":{"line":30,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"commit_hash"),{"name":"if","hash":{},"fn":container.program(8, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":31,"column":0},"end":{"line":33,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"tests"),{"name":"if","hash":{},"fn":container.program(9, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":34,"column":0},"end":{"line":36,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"compliance"),{"name":"if","hash":{},"fn":container.program(10, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":37,"column":0},"end":{"line":39,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"vendors"),{"name":"if","hash":{},"fn":container.program(11, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":40,"column":0},"end":{"line":42,"column":7}}})) != null ? stack1 : "");
},"6":function(container,depth0,helpers,partials,data) {
    var stack1;

  return " - PR #"
    + ((stack1 = container.lambda(container.strict(depth0, "pr_number", {"start":{"line":27,"column":42},"end":{"line":27,"column":51}} ), depth0)) != null ? stack1 : "");
},"7":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- **Title**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"pr_title"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":29,"column":13},"end":{"line":29,"column":28}}})) != null ? stack1 : "")
    + "\n";
},"8":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "- **Commit**: `"
    + ((stack1 = container.lambda(container.strict(depth0, "commit_hash", {"start":{"line":32,"column":17},"end":{"line":32,"column":28}} ), depth0)) != null ? stack1 : "")
    + "`\n";
},"9":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- **Tests**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"tests"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":35,"column":13},"end":{"line":35,"column":25}}})) != null ? stack1 : "")
    + "\n";
},"10":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "- **Constitutional Compliance**: "
    + ((stack1 = container.lambda(container.strict(depth0, "compliance", {"start":{"line":38,"column":35},"end":{"line":38,"column":45}} ), depth0)) != null ? stack1 : "")
    + "\n";
},"11":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- **Vendors**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"vendors"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":41,"column":15},"end":{"line":41,"column":29}}})) != null ? stack1 : "")
    + "\n";
},"12":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=depth0 != null ? depth0 : (container.nullContext || {}), alias2=container.strict, alias3=container.lambda, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "### "
    + ((stack1 = lookupProperty(helpers,"md").call(alias1,lookupProperty(depth0,"title"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":47,"column":4},"end":{"line":47,"column":16}}})) != null ? stack1 : "")
    + " (Priority: "
    + ((stack1 = alias3(alias2(depth0, "priority", {"start":{"line":47,"column":30},"end":{"line":47,"column":38}} ), depth0)) != null ? stack1 : "")
    + ") "
    + ((stack1 = alias3(alias2(depth0, "mark", {"start":{"line":47,"column":45},"end":{"line":47,"column":49}} ), depth0)) != null ? stack1 : "")
    + "\n"
    + ((stack1 = lookupProperty(helpers,"if").call(alias1,lookupProperty(depth0,"status"),{"name":"if","hash":{},"fn":container.program(13, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":48,"column":0},"end":{"line":50,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias1,lookupProperty(depth0,"target"),{"name":"if","hash":{},"fn":container.program(14, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":51,"column":0},"end":{"line":53,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias1,lookupProperty(depth0,"description"),{"name":"if","hash":{},"fn":container.program(15, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":54,"column":0},"end":{"line":56,"column":7}}})) != null ? stack1 : "");
},"13":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "- **Status**: "
    + ((stack1 = container.lambda(container.strict(depth0, "status", {"start":{"line":49,"column":16},"end":{"line":49,"column":22}} ), depth0)) != null ? stack1 : "")
    + "\n";
},"14":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "- **Target**: "
    + ((stack1 = container.lambda(container.strict(depth0, "target", {"start":{"line":52,"column":16},"end":{"line":52,"column":22}} ), depth0)) != null ? stack1 : "")
    + "\n";
},"15":function(container,depth0,helpers,partials,data) {
    var stack1, lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- **Description**: "
    + ((stack1 = lookupProperty(helpers,"md").call(depth0 != null ? depth0 : (container.nullContext || {}),lookupProperty(depth0,"description"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":55,"column":19},"end":{"line":55,"column":37}}})) != null ? stack1 : "")
    + "\n";
},"16":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "\n*"
    + ((stack1 = container.lambda(container.strict(depth0, "enhancements_left", {"start":{"line":60,"column":3},"end":{"line":60,"column":20}} ), depth0)) != null ? stack1 : "")
    + " more enhancements are not listed here: `worktrail enhancement list` shows them.*\n";
},"17":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=depth0 != null ? depth0 : (container.nullContext || {}), lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "\n## Pending Offline Changes ("
    + ((stack1 = container.lambda(container.strict(depth0, "pending_total", {"start":{"line":64,"column":30},"end":{"line":64,"column":43}} ), depth0)) != null ? stack1 : "")
    + ")\n"
    + ((stack1 = lookupProperty(helpers,"each").call(alias1,lookupProperty(depth0,"pending"),{"name":"each","hash":{},"fn":container.program(18, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":65,"column":0},"end":{"line":67,"column":9}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias1,lookupProperty(depth0,"pending_left"),{"name":"if","hash":{},"fn":container.program(19, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":68,"column":0},"end":{"line":70,"column":7}}})) != null ? stack1 : "");
},"18":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=depth0 != null ? depth0 : (container.nullContext || {}), lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "- "
    + ((stack1 = container.lambda(container.strict(depth0, "at", {"start":{"line":66,"column":4},"end":{"line":66,"column":6}} ), depth0)) != null ? stack1 : "")
    + " "
    + ((stack1 = lookupProperty(helpers,"md").call(alias1,lookupProperty(depth0,"actor"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":66,"column":9},"end":{"line":66,"column":21}}})) != null ? stack1 : "")
    + ": "
    + ((stack1 = lookupProperty(helpers,"md").call(alias1,lookupProperty(depth0,"what"),{"name":"md","hash":{},"data":data,"loc":{"start":{"line":66,"column":23},"end":{"line":66,"column":34}}})) != null ? stack1 : "")
    + "\n";
},"19":function(container,depth0,helpers,partials,data) {
    var stack1;

  return "- and "
    + ((stack1 = container.lambda(container.strict(depth0, "pending_left", {"start":{"line":69,"column":8},"end":{"line":69,"column":20}} ), depth0)) != null ? stack1 : "")
    + " more\n";
},"compiler":[8,">= 4.3.0"],"main":function(container,depth0,helpers,partials,data) {
    var stack1, alias1=container.strict, alias2=container.lambda, alias3=depth0 != null ? depth0 : (container.nullContext || {}), lookupProperty = container.lookupProperty || function(parent, propertyName) {
        if (Object.prototype.hasOwnProperty.call(parent, propertyName)) {
          return parent[propertyName];
        }
        return undefined
    };

  return "# Project Status - "
    + ((stack1 = alias2(alias1(depth0, "time", {"start":{"line":1,"column":21},"end":{"line":1,"column":25}} ), depth0)) != null ? stack1 : "")
    + "\n\n## Operational Vendors ("
    + ((stack1 = alias2(alias1(depth0, "operational", {"start":{"line":3,"column":26},"end":{"line":3,"column":37}} ), depth0)) != null ? stack1 : "")
    + "/"
    + ((stack1 = alias2(alias1(depth0, "vendors_total", {"start":{"line":3,"column":42},"end":{"line":3,"column":55}} ), depth0)) != null ? stack1 : "")
    + ")\n"
    + ((stack1 = lookupProperty(helpers,"each").call(alias3,lookupProperty(depth0,"vendors"),{"name":"each","hash":{},"fn":container.program(0, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":4,"column":0},"end":{"line":6,"column":9}}})) != null ? stack1 : "")
    + "\n## Active Work Items ("
    + ((stack1 = alias2(alias1(depth0, "items_total", {"start":{"line":8,"column":24},"end":{"line":8,"column":35}} ), depth0)) != null ? stack1 : "")
    + ")\n"
    + ((stack1 = lookupProperty(helpers,"each").call(alias3,lookupProperty(depth0,"items"),{"name":"each","hash":{},"fn":container.program(1, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":9,"column":0},"end":{"line":19,"column":9}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"items_left"),{"name":"if","hash":{},"fn":container.program(4, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":20,"column":0},"end":{"line":23,"column":7}}})) != null ? stack1 : "")
    + "\n## Recent Deployments (Last "
    + ((stack1 = alias2(alias1(depth0, "deployments_max", {"start":{"line":25,"column":30},"end":{"line":25,"column":45}} ), depth0)) != null ? stack1 : "")
    + ")\n"
    + ((stack1 = lookupProperty(helpers,"each").call(alias3,lookupProperty(depth0,"deployments"),{"name":"each","hash":{},"fn":container.program(5, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":26,"column":0},"end":{"line":43,"column":9}}})) != null ? stack1 : "")
    + "\n## Future Enhancements ("
    + ((stack1 = alias2(alias1(depth0, "enhancements_total", {"start":{"line":45,"column":26},"end":{"line":45,"column":44}} ), depth0)) != null ? stack1 : "")
    + ")\n"
    + ((stack1 = lookupProperty(helpers,"each").call(alias3,lookupProperty(depth0,"enhancements"),{"name":"each","hash":{},"fn":container.program(12, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":46,"column":0},"end":{"line":57,"column":9}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"enhancements_left"),{"name":"if","hash":{},"fn":container.program(16, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":58,"column":0},"end":{"line":61,"column":7}}})) != null ? stack1 : "")
    + ((stack1 = lookupProperty(helpers,"if").call(alias3,lookupProperty(depth0,"pending_total"),{"name":"if","hash":{},"fn":container.program(17, data, 0),"inverse":container.noop,"data":data,"loc":{"start":{"line":62,"column":0},"end":{"line":71,"column":7}}})) != null ? stack1 : "")
    + "\n---\n*Generated at "
    + ((stack1 = alias2(alias1(depth0, "time", {"start":{"line":74,"column":16},"end":{"line":74,"column":20}} ), depth0)) != null ? stack1 : "")
    + "*\n";
},"useData":true};
