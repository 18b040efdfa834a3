CREATE TABLE "applied_changes" (
	"change_id" uuid PRIMARY KEY NOT NULL,
	"idempotency_key" text collate "C",
	"request_hash" text collate "C",
	"result" jsonb
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"change_id" uuid NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"actor" text collate "C" NOT NULL,
	"client" text collate "C" NOT NULL,
	"entity" text collate "C" NOT NULL,
	"entity_id" uuid NOT NULL,
	"related_id" uuid,
	"kind" text collate "C" NOT NULL,
	"base_version" integer,
	"version" integer,
	"fields" jsonb NOT NULL,
	"merged_with" jsonb NOT NULL,
	"schema_version" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "project_configuration" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"active_context_type" text collate "C" NOT NULL,
	"current_session_id" uuid,
	"default_token_budget" integer NOT NULL,
	"archive_after_days" integer NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL,
	"updated_by" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "work_item_dependencies" (
	"source_id" uuid NOT NULL,
	"target_id" uuid NOT NULL,
	"dependency_type" text collate "C" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL,
	CONSTRAINT "work_item_dependencies_source_id_target_id_dependency_type_pk" PRIMARY KEY("source_id","target_id","dependency_type")
);
--> statement-breakpoint
CREATE TABLE "deployment_vendors" (
	"deployment_id" uuid NOT NULL,
	"vendor_id" uuid NOT NULL,
	CONSTRAINT "deployment_vendors_deployment_id_vendor_id_pk" PRIMARY KEY("deployment_id","vendor_id")
);
--> statement-breakpoint
CREATE TABLE "deployment_work_items" (
	"deployment_id" uuid NOT NULL,
	"work_item_id" uuid NOT NULL,
	CONSTRAINT "deployment_work_items_deployment_id_work_item_id_pk" PRIMARY KEY("deployment_id","work_item_id")
);
--> statement-breakpoint
CREATE TABLE "deployments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"deployed_at" timestamp(3) with time zone NOT NULL,
	"commit_hash" text collate "C" NOT NULL,
	"metadata" jsonb NOT NULL,
	"compliant" integer NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "feed" (
	"id" integer PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "meta" (
	"id" integer PRIMARY KEY NOT NULL,
	"project_id" uuid NOT NULL,
	"project_slug" text collate "C" NOT NULL,
	"root_commit" text collate "C",
	"created_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vendors" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"name" text collate "C" NOT NULL,
	"name_key" text collate "C" NOT NULL,
	"status" text collate "C" NOT NULL,
	"extractor_version" text collate "C" NOT NULL,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"created_by" text collate "C" NOT NULL,
	"updated_by" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "work_item_counts" (
	"shelf" text collate "C" NOT NULL,
	"item_type" text collate "C" NOT NULL,
	"status" text collate "C" NOT NULL,
	"items" integer NOT NULL,
	CONSTRAINT "work_item_counts_shelf_item_type_status_pk" PRIMARY KEY("shelf","item_type","status")
);
--> statement-breakpoint
CREATE TABLE "work_item_labels" (
	"item_id" uuid NOT NULL,
	"label" text collate "C" NOT NULL,
	CONSTRAINT "work_item_labels_item_id_label_pk" PRIMARY KEY("item_id","label")
);
--> statement-breakpoint
CREATE TABLE "work_items" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"item_type" text collate "C" NOT NULL,
	"title" text collate "C" NOT NULL,
	"description" text collate "C",
	"status" text collate "C" NOT NULL,
	"priority" integer NOT NULL,
	"labels" jsonb NOT NULL,
	"assignee" text collate "C",
	"parent_id" uuid,
	"path" text collate "C" NOT NULL,
	"depth" integer NOT NULL,
	"branch_name" text collate "C",
	"commit_hash" text collate "C",
	"pr_number" integer,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"completed_at" timestamp(3) with time zone,
	"created_by" text collate "C" NOT NULL,
	"updated_by" text collate "C" NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	"claimed_by" text collate "C",
	"claim_expires_at" timestamp(3) with time zone,
	"archived_at" timestamp(3) with time zone
);
--> statement-breakpoint
ALTER TABLE "work_item_dependencies" ADD CONSTRAINT "work_item_dependencies_source_id_work_items_id_fk" FOREIGN KEY ("source_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "work_item_dependencies" ADD CONSTRAINT "work_item_dependencies_target_id_work_items_id_fk" FOREIGN KEY ("target_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deployment_vendors" ADD CONSTRAINT "deployment_vendors_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deployment_vendors" ADD CONSTRAINT "deployment_vendors_vendor_id_vendors_id_fk" FOREIGN KEY ("vendor_id") REFERENCES "vendors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deployment_work_items" ADD CONSTRAINT "deployment_work_items_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "deployment_work_items" ADD CONSTRAINT "deployment_work_items_work_item_id_work_items_id_fk" FOREIGN KEY ("work_item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "work_item_labels" ADD CONSTRAINT "work_item_labels_item_id_work_items_id_fk" FOREIGN KEY ("item_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "work_items" ADD CONSTRAINT "work_items_parent_id_work_items_id_fk" FOREIGN KEY ("parent_id") REFERENCES "work_items"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "applied_changes_key" ON "applied_changes" USING btree ("idempotency_key");--> statement-breakpoint
CREATE INDEX "changes_entity" ON "changes" USING btree ("entity_id","seq");--> statement-breakpoint
CREATE INDEX "changes_related" ON "changes" USING btree ("related_id","seq");--> statement-breakpoint
CREATE INDEX "changes_actor" ON "changes" USING btree ("actor","seq");--> statement-breakpoint
CREATE INDEX "changes_at" ON "changes" USING btree ("at","seq");--> statement-breakpoint
CREATE INDEX "work_item_dependencies_target" ON "work_item_dependencies" USING btree ("target_id","dependency_type","source_id");--> statement-breakpoint
CREATE INDEX "deployment_vendors_vendor" ON "deployment_vendors" USING btree ("vendor_id","deployment_id");--> statement-breakpoint
CREATE INDEX "deployment_work_items_item" ON "deployment_work_items" USING btree ("work_item_id","deployment_id");--> statement-breakpoint
CREATE INDEX "deployments_deployed" ON "deployments" USING btree ("deployed_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "vendors_name_key" ON "vendors" USING btree ("name_key");--> statement-breakpoint
CREATE INDEX "vendors_status" ON "vendors" USING btree ("status","name_key");--> statement-breakpoint
CREATE INDEX "work_item_labels_label" ON "work_item_labels" USING btree ("label","item_id");--> statement-breakpoint
CREATE INDEX "work_items_parent" ON "work_items" USING btree ("parent_id","created_at","id");--> statement-breakpoint
CREATE INDEX "work_items_updated" ON "work_items" USING btree ("updated_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_created" ON "work_items" USING btree ("created_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_status" ON "work_items" USING btree ("status","updated_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_type" ON "work_items" USING btree ("item_type","updated_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_assignee" ON "work_items" USING btree ("assignee","updated_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_priority" ON "work_items" USING btree ("priority","created_at","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_archived" ON "work_items" USING btree ("archived_at");