DROP INDEX "claims_holder";--> statement-breakpoint
DROP INDEX "ready_queue_order";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "ready_queue" ADD COLUMN "waits" integer;--> statement-breakpoint
CREATE INDEX "changes_client" ON "changes" USING btree ("client","seq");--> statement-breakpoint
CREATE INDEX "changes_person" ON "changes" USING btree ("person","seq");--> statement-breakpoint
CREATE INDEX "changes_session" ON "changes" USING btree ("session","seq");--> statement-breakpoint
CREATE INDEX "changes_device" ON "changes" USING btree ("device","seq");--> statement-breakpoint
CREATE INDEX "claims_expires" ON "claims" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "ready_queue_order" ON "ready_queue" USING btree ("waits","priority","rank","created_at","item_id");