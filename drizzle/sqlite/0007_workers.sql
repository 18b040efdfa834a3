DROP INDEX `claims_holder`;--> statement-breakpoint
ALTER TABLE `claims` ADD `person` text;--> statement-breakpoint
ALTER TABLE `claims` ADD `device` text;--> statement-breakpoint
ALTER TABLE `claims` ADD `session` text;--> statement-breakpoint
CREATE INDEX `claims_expires` ON `claims` (`expires_at`);--> statement-breakpoint
DROP INDEX `ready_queue_order`;--> statement-breakpoint
ALTER TABLE `ready_queue` ADD `waits` integer;--> statement-breakpoint
CREATE INDEX `ready_queue_order` ON `ready_queue` (`waits`,`priority`,`rank`,`created_at`,`item_id`);--> statement-breakpoint
ALTER TABLE `changes` ADD `person` text;--> statement-breakpoint
ALTER TABLE `changes` ADD `device` text;--> statement-breakpoint
ALTER TABLE `changes` ADD `session` text;--> statement-breakpoint
CREATE INDEX `changes_client` ON `changes` (`client`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_person` ON `changes` (`person`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_session` ON `changes` (`session`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_device` ON `changes` (`device`,`seq`);--> statement-breakpoint
ALTER TABLE `conflicts` ADD `person` text;--> statement-breakpoint
ALTER TABLE `conflicts` ADD `session` text;