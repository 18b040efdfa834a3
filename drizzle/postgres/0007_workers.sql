DROP INDEX "claims_holder";--> statement-breakpoint
DROP INDEX "ready_queue_order";--> statement-breakpoint
DROP INDEX "work_items_parent";--> statement-breakpoint
DROP INDEX "work_items_updated";--> statement-breakpoint
DROP INDEX "work_items_created";--> statement-breakpoint
DROP INDEX "work_items_status";--> statement-breakpoint
DROP INDEX "work_items_type";--> statement-breakpoint
DROP INDEX "work_items_assignee";--> statement-breakpoint
DROP INDEX "work_items_priority";--> statement-breakpoint
DROP INDEX "work_items_title";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "ready_queue" ADD COLUMN "waits" integer;--> statement-breakpoint
ALTER TABLE "ready_queue" ADD COLUMN "position" text collate "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "work_items" ADD COLUMN "position" text collate "C" DEFAULT '' NOT NULL;--> statement-breakpoint
UPDATE "work_items" SET "position" = lpad(to_hex((extract(epoch from "created_at") * 1000)::bigint), 12, '0') || left("id"::text, 8);--> statement-breakpoint
CREATE INDEX "changes_client" ON "changes" USING btree ("client","seq");--> statement-breakpoint
CREATE INDEX "changes_person" ON "changes" USING btree ("person","seq");--> statement-breakpoint
CREATE INDEX "changes_session" ON "changes" USING btree ("session","seq");--> statement-breakpoint
CREATE INDEX "changes_device" ON "changes" USING btree ("device","seq");--> statement-breakpoint
CREATE INDEX "claims_expires" ON "claims" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "ready_queue_order" ON "ready_queue" USING btree ("waits","priority","rank","position","item_id");--> statement-breakpoint
CREATE INDEX "work_items_parent" ON "work_items" USING btree ("parent_id","position","id");--> statement-breakpoint
CREATE INDEX "work_items_updated" ON "work_items" USING btree ("updated_at" desc,"position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_created" ON "work_items" USING btree ("created_at" desc,"position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_status" ON "work_items" USING btree ("status","updated_at" desc,"position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_type" ON "work_items" USING btree ("item_type","updated_at" desc,"position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_assignee" ON "work_items" USING btree ("assignee","updated_at" desc,"position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_priority" ON "work_items" USING btree ("priority","position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX "work_items_title" ON "work_items" USING btree ("title","position","id") WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
ALTER TABLE "ready_queue" DROP COLUMN "created_at";