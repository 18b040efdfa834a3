DROP INDEX "claims_holder";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "changes" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "device" uuid;--> statement-breakpoint
ALTER TABLE "claims" ADD COLUMN "session" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "person" text collate "C";--> statement-breakpoint
ALTER TABLE "conflicts" ADD COLUMN "session" text collate "C";--> statement-breakpoint
CREATE INDEX "changes_client" ON "changes" USING btree ("client","seq");--> statement-breakpoint
CREATE INDEX "changes_person" ON "changes" USING btree ("person","seq");--> statement-breakpoint
CREATE INDEX "changes_session" ON "changes" USING btree ("session","seq");--> statement-breakpoint
CREATE INDEX "claims_expires" ON "claims" USING btree ("expires_at");