-- What full-text search looks in: a row per record, kept by triggers so that whatever writes records keeps it.
-- It follows from the other tables and is never copied. `id` is the second of creation << 24 and a counter, so that
-- the newest come first without sorting.
CREATE TABLE search_documents (
	id integer PRIMARY KEY NOT NULL,
	entity text NOT NULL,
	entity_id text NOT NULL,
	item_id text,
	created_ms integer NOT NULL,
	facets text NOT NULL,
	title text NOT NULL,
	body text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX search_documents_record ON search_documents (entity_id, entity);
--> statement-breakpoint
CREATE INDEX search_documents_item ON search_documents (item_id);
--> statement-breakpoint
CREATE VIRTUAL TABLE search_index USING fts5(title, body, facets, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
--> statement-breakpoint
-- The titles once more, so that a word that is in many bodies and in few titles is found in these at once.
CREATE VIRTUAL TABLE search_titles USING fts5(title, facets, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
--> statement-breakpoint
-- Chinese, Japanese and Korean letters become words of one letter: these scripts have no spaces to go by.
CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN
  INSERT INTO search_index (rowid, title, body, facets) VALUES (new.id,
  CASE WHEN new.title GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.title, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.title) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.title END,
  CASE WHEN new.body GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.body, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.body) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.body END,
  new.facets);
  INSERT INTO search_titles (rowid, title, facets) SELECT new.id,
  CASE WHEN new.title GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.title, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.title) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.title END,
  new.facets WHERE new.title <> '';
END;
--> statement-breakpoint
CREATE TRIGGER search_documents_altered AFTER UPDATE ON search_documents
WHEN new.title IS NOT old.title OR new.body IS NOT old.body OR new.facets IS NOT old.facets BEGIN
  DELETE FROM search_index WHERE rowid = old.id;
  DELETE FROM search_titles WHERE rowid = old.id;
  INSERT INTO search_index (rowid, title, body, facets) VALUES (new.id,
  CASE WHEN new.title GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.title, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.title) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.title END,
  CASE WHEN new.body GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.body, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.body) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.body END,
  new.facets);
  INSERT INTO search_titles (rowid, title, facets) SELECT new.id,
  CASE WHEN new.title GLOB '*[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]*' THEN (
    SELECT group_concat((
      SELECT group_concat(CASE WHEN c.letter GLOB '[⺀-⿟々-〇〡-〩〱-〵぀-ヿ㄀-ㄯ㄰-㆏ㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿가-힯豈-﫿ｦ-ﾝ𠀀-𯿿]' THEN ' ' || c.letter || ' ' ELSE c.letter END, '' ORDER BY c.at)
      FROM (SELECT i.key AS at, substr(p.part, i.key + 1, 1) AS letter FROM json_each('[' || replace(hex(zeroblob(length(p.part) - 1)), '00', '0,') || '0]') i LIMIT 1000) c
    ), '' ORDER BY p.at)
    FROM (SELECT k.key AS at, substr(new.title, k.key * 200 + 1, 200) AS part FROM json_each('[' || replace(hex(zeroblob((length(new.title) - 1) / 200)), '00', '0,') || '0]') k LIMIT 1000000) p
  ) ELSE new.title END,
  new.facets WHERE new.title <> '';
END;
--> statement-breakpoint
CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents BEGIN
  DELETE FROM search_index WHERE rowid = old.id;
  DELETE FROM search_titles WHERE rowid = old.id;
END;
--> statement-breakpoint
CREATE VIEW search_source_work_items AS
SELECT 'work_item' AS entity, w.id AS entity_id, w.id AS item_id, CAST(round(unixepoch(w.created_at, 'subsec') * 1000) AS integer) AS created_ms,
  CASE WHEN w.deleted_at IS NOT NULL THEN 'deleted' WHEN w.archived_at IS NOT NULL THEN 'archived' ELSE 'live' END || ' workitem' AS facets, w.title,
  concat_ws(char(10), w.description, (SELECT group_concat(value, ' ') FROM json_each(w.labels)), w.assignee, w.branch_name, w.commit_hash, '#' || w.pr_number, (SELECT group_concat(atom, ' ') FROM json_tree(w.metadata) WHERE type = 'text')) AS body
FROM work_items w;
--> statement-breakpoint
CREATE TRIGGER search_work_items_added AFTER INSERT ON work_items BEGIN
  INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
  SELECT coalesce((SELECT d.id FROM search_documents d WHERE d.id >= s.base AND d.id < s.base + 16777216 ORDER BY d.id DESC LIMIT 1), s.base - 1) + 1,
    s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
  FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) << 24 AS base FROM search_source_work_items WHERE entity_id = new.id) s;
END;
--> statement-breakpoint
CREATE TRIGGER search_work_items_altered AFTER UPDATE ON work_items
WHEN new.title IS NOT old.title OR new.description IS NOT old.description OR new.labels IS NOT old.labels OR new.assignee IS NOT old.assignee OR new.branch_name IS NOT old.branch_name OR new.commit_hash IS NOT old.commit_hash OR new.pr_number IS NOT old.pr_number OR new.metadata IS NOT old.metadata OR new.deleted_at IS NOT old.deleted_at OR new.archived_at IS NOT old.archived_at BEGIN
  UPDATE search_documents SET (item_id, facets, title, body) = (SELECT item_id, facets, title, body FROM search_source_work_items WHERE entity_id = new.id)
  WHERE entity_id = new.id AND entity = 'work_item';
END;
--> statement-breakpoint
CREATE TRIGGER search_work_items_removed AFTER DELETE ON work_items BEGIN
  DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'work_item';
END;
--> statement-breakpoint
CREATE VIEW search_source_notes AS
SELECT 'note' AS entity, n.id AS entity_id, n.item_id, CAST(round(unixepoch(n.created_at, 'subsec') * 1000) AS integer) AS created_ms,
  coalesce((SELECT CASE WHEN w.deleted_at IS NOT NULL THEN 'deleted' WHEN w.archived_at IS NOT NULL THEN 'archived' ELSE 'live' END FROM work_items w WHERE w.id = n.item_id), 'live') || ' note' AS facets, '' AS title, n.text AS body
FROM notes n;
--> statement-breakpoint
CREATE TRIGGER search_notes_added AFTER INSERT ON notes BEGIN
  INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
  SELECT coalesce((SELECT d.id FROM search_documents d WHERE d.id >= s.base AND d.id < s.base + 16777216 ORDER BY d.id DESC LIMIT 1), s.base - 1) + 1,
    s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
  FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) << 24 AS base FROM search_source_notes WHERE entity_id = new.id) s;
END;
--> statement-breakpoint
CREATE TRIGGER search_notes_altered AFTER UPDATE ON notes
WHEN new.text IS NOT old.text OR new.item_id IS NOT old.item_id BEGIN
  UPDATE search_documents SET (item_id, facets, title, body) = (SELECT item_id, facets, title, body FROM search_source_notes WHERE entity_id = new.id)
  WHERE entity_id = new.id AND entity = 'note';
END;
--> statement-breakpoint
CREATE TRIGGER search_notes_removed AFTER DELETE ON notes BEGIN
  DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'note';
END;
--> statement-breakpoint
CREATE VIEW search_source_vendors AS
SELECT 'vendor' AS entity, v.id AS entity_id, NULL AS item_id, CAST(round(unixepoch(v.created_at, 'subsec') * 1000) AS integer) AS created_ms,
  'live vendor' AS facets, v.name AS title, concat_ws(char(10), v.extractor_version, (SELECT group_concat(atom, ' ') FROM json_tree(v.metadata) WHERE type = 'text')) AS body
FROM vendors v;
--> statement-breakpoint
CREATE TRIGGER search_vendors_added AFTER INSERT ON vendors BEGIN
  INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
  SELECT coalesce((SELECT d.id FROM search_documents d WHERE d.id >= s.base AND d.id < s.base + 16777216 ORDER BY d.id DESC LIMIT 1), s.base - 1) + 1,
    s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
  FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) << 24 AS base FROM search_source_vendors WHERE entity_id = new.id) s;
END;
--> statement-breakpoint
CREATE TRIGGER search_vendors_altered AFTER UPDATE ON vendors
WHEN new.name IS NOT old.name OR new.extractor_version IS NOT old.extractor_version OR new.metadata IS NOT old.metadata BEGIN
  UPDATE search_documents SET (item_id, facets, title, body) = (SELECT item_id, facets, title, body FROM search_source_vendors WHERE entity_id = new.id)
  WHERE entity_id = new.id AND entity = 'vendor';
END;
--> statement-breakpoint
CREATE TRIGGER search_vendors_removed AFTER DELETE ON vendors BEGIN
  DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'vendor';
END;
--> statement-breakpoint
CREATE VIEW search_source_deployments AS
SELECT 'deployment' AS entity, d.id AS entity_id, NULL AS item_id, CAST(round(unixepoch(d.deployed_at, 'subsec') * 1000) AS integer) AS created_ms,
  'live deployment' AS facets, coalesce(d.metadata ->> 'pr_title', '') AS title,
  concat_ws(char(10), d.commit_hash, '#' || (d.metadata ->> 'pr_number'), (SELECT group_concat(atom, ' ') FROM json_tree(json_remove(d.metadata, '$.pr_title')) WHERE type = 'text')) AS body
FROM deployments d;
--> statement-breakpoint
CREATE TRIGGER search_deployments_added AFTER INSERT ON deployments BEGIN
  INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
  SELECT coalesce((SELECT d.id FROM search_documents d WHERE d.id >= s.base AND d.id < s.base + 16777216 ORDER BY d.id DESC LIMIT 1), s.base - 1) + 1,
    s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
  FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) << 24 AS base FROM search_source_deployments WHERE entity_id = new.id) s;
END;
--> statement-breakpoint
CREATE TRIGGER search_deployments_altered AFTER UPDATE ON deployments
WHEN new.deployed_at IS NOT old.deployed_at OR new.commit_hash IS NOT old.commit_hash OR new.metadata IS NOT old.metadata BEGIN
  UPDATE search_documents SET (item_id, facets, title, body) = (SELECT item_id, facets, title, body FROM search_source_deployments WHERE entity_id = new.id)
  WHERE entity_id = new.id AND entity = 'deployment';
END;
--> statement-breakpoint
CREATE TRIGGER search_deployments_removed AFTER DELETE ON deployments BEGIN
  DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'deployment';
END;
--> statement-breakpoint
CREATE VIEW search_source_enhancements AS
SELECT 'enhancement' AS entity, e.id AS entity_id, e.work_item_id AS item_id, CAST(round(unixepoch(e.created_at, 'subsec') * 1000) AS integer) AS created_ms,
  'live enhancement' AS facets, e.title, concat_ws(char(10), e.description, e.target_quarter, (SELECT group_concat(value, ' ') FROM json_each(e.requires_constitutional_principles))) AS body
FROM enhancements e;
--> statement-breakpoint
CREATE TRIGGER search_enhancements_added AFTER INSERT ON enhancements BEGIN
  INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
  SELECT coalesce((SELECT d.id FROM search_documents d WHERE d.id >= s.base AND d.id < s.base + 16777216 ORDER BY d.id DESC LIMIT 1), s.base - 1) + 1,
    s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
  FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) << 24 AS base FROM search_source_enhancements WHERE entity_id = new.id) s;
END;
--> statement-breakpoint
CREATE TRIGGER search_enhancements_altered AFTER UPDATE ON enhancements
WHEN new.title IS NOT old.title OR new.description IS NOT old.description OR new.target_quarter IS NOT old.target_quarter OR new.requires_constitutional_principles IS NOT old.requires_constitutional_principles OR new.work_item_id IS NOT old.work_item_id BEGIN
  UPDATE search_documents SET (item_id, facets, title, body) = (SELECT item_id, facets, title, body FROM search_source_enhancements WHERE entity_id = new.id)
  WHERE entity_id = new.id AND entity = 'enhancement';
END;
--> statement-breakpoint
CREATE TRIGGER search_enhancements_removed AFTER DELETE ON enhancements BEGIN
  DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'enhancement';
END;
--> statement-breakpoint
-- Notes go where their item goes.
CREATE TRIGGER search_notes_moved AFTER UPDATE ON work_items
WHEN (new.deleted_at IS NULL) <> (old.deleted_at IS NULL) OR (new.archived_at IS NULL) <> (old.archived_at IS NULL) BEGIN
  UPDATE search_documents SET facets = (SELECT s.facets FROM search_source_notes s WHERE s.entity_id = search_documents.entity_id)
  WHERE item_id = new.id AND entity = 'note';
END;
--> statement-breakpoint
INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
SELECT (s.second << 24) + row_number() OVER (PARTITION BY s.second ORDER BY s.created_ms, s.entity_id) - 1
    + (SELECT count(*) FROM search_documents d WHERE d.id >= s.second << 24 AND d.id < (s.second + 1) << 24),
  s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) AS second FROM search_source_work_items) s
ORDER BY 1;
--> statement-breakpoint
INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
SELECT (s.second << 24) + row_number() OVER (PARTITION BY s.second ORDER BY s.created_ms, s.entity_id) - 1
    + (SELECT count(*) FROM search_documents d WHERE d.id >= s.second << 24 AND d.id < (s.second + 1) << 24),
  s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) AS second FROM search_source_notes) s
ORDER BY 1;
--> statement-breakpoint
INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
SELECT (s.second << 24) + row_number() OVER (PARTITION BY s.second ORDER BY s.created_ms, s.entity_id) - 1
    + (SELECT count(*) FROM search_documents d WHERE d.id >= s.second << 24 AND d.id < (s.second + 1) << 24),
  s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) AS second FROM search_source_vendors) s
ORDER BY 1;
--> statement-breakpoint
INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
SELECT (s.second << 24) + row_number() OVER (PARTITION BY s.second ORDER BY s.created_ms, s.entity_id) - 1
    + (SELECT count(*) FROM search_documents d WHERE d.id >= s.second << 24 AND d.id < (s.second + 1) << 24),
  s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) AS second FROM search_source_deployments) s
ORDER BY 1;
--> statement-breakpoint
INSERT INTO search_documents (id, entity, entity_id, item_id, created_ms, facets, title, body)
SELECT (s.second << 24) + row_number() OVER (PARTITION BY s.second ORDER BY s.created_ms, s.entity_id) - 1
    + (SELECT count(*) FROM search_documents d WHERE d.id >= s.second << 24 AND d.id < (s.second + 1) << 24),
  s.entity, s.entity_id, s.item_id, s.created_ms, s.facets, s.title, s.body
FROM (SELECT *, max(0, coalesce(created_ms, 0) / 1000) AS second FROM search_source_enhancements) s
ORDER BY 1;
