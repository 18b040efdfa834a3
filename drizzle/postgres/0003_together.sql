CREATE TABLE "claims" (
	"item_id" uuid PRIMARY KEY NOT NULL,
	"token" bigint NOT NULL,
	"holder" text collate "C",
	"client" text collate "C",
	"expires_at" timestamp(3) with time zone,
	"lease_seconds" integer NOT NULL,
	"handed_over" integer NOT NULL,
	"granted_by" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "enhancement_dependencies" (
	"enhancement_id" uuid NOT NULL,
	"depends_on_id" uuid NOT NULL,
	CONSTRAINT "enhancement_dependencies_enhancement_id_depends_on_id_pk" PRIMARY KEY("enhancement_id","depends_on_id")
);
--> statement-breakpoint
CREATE TABLE "enhancements" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"title" text collate "C" NOT NULL,
	"description" text collate "C",
	"priority" integer NOT NULL,
	"status" text collate "C" NOT NULL,
	"target_quarter" text collate "C",
	"requires_constitutional_principles" jsonb NOT NULL,
	"work_item_id" uuid,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL,
	"updated_by" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"item_id" uuid NOT NULL,
	"text" text collate "C" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ready_queue" (
	"item_id" uuid PRIMARY KEY NOT NULL,
	"priority" integer NOT NULL,
	"rank" integer NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "claims" ADD CONSTRAINT "claims_item_id_work_items_id_fk" FOREIGN KEY ("item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enhancement_dependencies" ADD CONSTRAINT "enhancement_dependencies_enhancement_id_enhancements_id_fk" FOREIGN KEY ("enhancement_id") REFERENCES "enhancements"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enhancement_dependencies" ADD CONSTRAINT "enhancement_dependencies_depends_on_id_enhancements_id_fk" FOREIGN KEY ("depends_on_id") REFERENCES "enhancements"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enhancements" ADD CONSTRAINT "enhancements_work_item_id_work_items_id_fk" FOREIGN KEY ("work_item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notes" ADD CONSTRAINT "notes_item_id_work_items_id_fk" FOREIGN KEY ("item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ready_queue" ADD CONSTRAINT "ready_queue_item_id_work_items_id_fk" FOREIGN KEY ("item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "claims_holder" ON "claims" USING btree ("holder","expires_at");--> statement-breakpoint
CREATE INDEX "enhancement_dependencies_target" ON "enhancement_dependencies" USING btree ("depends_on_id","enhancement_id");--> statement-breakpoint
CREATE INDEX "enhancements_priority" ON "enhancements" USING btree ("priority","created_at","id");--> statement-breakpoint
CREATE INDEX "enhancements_item" ON "enhancements" USING btree ("work_item_id");--> statement-breakpoint
CREATE INDEX "notes_item" ON "notes" USING btree ("item_id","created_at","id");--> statement-breakpoint
CREATE INDEX "ready_queue_order" ON "ready_queue" USING btree ("priority","rank","created_at","item_id");--> statement-breakpoint
INSERT INTO ready_queue (item_id, priority, rank, created_at)
SELECT w.id, w.priority, -(
    SELECT count(*) FROM (
      SELECT d.target_id AS id FROM work_item_dependencies d WHERE d.source_id = w.id AND d.dependency_type = 'blocks'
      UNION
      SELECT d.source_id FROM work_item_dependencies d WHERE d.target_id = w.id AND d.dependency_type = 'depends_on'
    ) held
    JOIN work_items o ON o.id = held.id
    WHERE o.deleted_at IS NULL AND o.archived_at IS NULL AND o.status NOT IN ('completed', 'cancelled')
  ), w.created_at
FROM work_items w
WHERE w.deleted_at IS NULL AND w.archived_at IS NULL AND w.status IN ('planned', 'active')
  AND NOT EXISTS (
    SELECT 1 FROM work_item_dependencies d
    JOIN work_items b ON b.id = CASE d.dependency_type WHEN 'blocks' THEN d.source_id ELSE d.target_id END
    WHERE ((d.target_id = w.id AND d.dependency_type = 'blocks') OR (d.source_id = w.id AND d.dependency_type = 'depends_on'))
      AND b.deleted_at IS NULL AND b.archived_at IS NULL AND b.status NOT IN ('completed', 'cancelled')
  );
