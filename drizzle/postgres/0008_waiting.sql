DROP INDEX "ready_queue_order";--> statement-breakpoint
ALTER TABLE "ready_queue" ADD COLUMN "waits" integer;--> statement-breakpoint
CREATE INDEX "ready_queue_order" ON "ready_queue" USING btree ("waits","priority","rank","created_at","item_id");