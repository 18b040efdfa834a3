DROP INDEX `claims_holder`;--> statement-breakpoint
ALTER TABLE `claims` ADD `person` text;--> statement-breakpoint
ALTER TABLE `claims` ADD `device` text;--> statement-breakpoint
ALTER TABLE `claims` ADD `session` text;--> statement-breakpoint
CREATE INDEX `claims_expires` ON `claims` (`expires_at`);--> statement-breakpoint
DROP INDEX `ready_queue_order`;--> statement-breakpoint
ALTER TABLE `ready_queue` ADD `waits` integer;--> statement-breakpoint
ALTER TABLE `ready_queue` ADD `position` text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX `ready_queue_order` ON `ready_queue` (`waits`,`priority`,`rank`,`position`,`item_id`);--> statement-breakpoint
ALTER TABLE `ready_queue` DROP COLUMN `created_at`;--> statement-breakpoint
DROP INDEX `work_items_parent`;--> statement-breakpoint
DROP INDEX `work_items_updated`;--> statement-breakpoint
DROP INDEX `work_items_created`;--> statement-breakpoint
DROP INDEX `work_items_status`;--> statement-breakpoint
DROP INDEX `work_items_type`;--> statement-breakpoint
DROP INDEX `work_items_assignee`;--> statement-breakpoint
DROP INDEX `work_items_priority`;--> statement-breakpoint
DROP INDEX `work_items_title`;--> statement-breakpoint
ALTER TABLE `work_items` ADD `position` text DEFAULT '' NOT NULL;--> statement-breakpoint
UPDATE `work_items` SET `position` = printf('%012x', cast(strftime('%s', `created_at`) as integer) * 1000 + cast(substr(`created_at`, 21, 3) as integer)) || substr(`id`, 1, 8);--> statement-breakpoint
CREATE INDEX `work_items_parent` ON `work_items` (`parent_id`,`position`,`id`);--> statement-breakpoint
CREATE INDEX `work_items_updated` ON `work_items` ("updated_at" desc,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_created` ON `work_items` ("created_at" desc,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_status` ON `work_items` (`status`,"updated_at" desc,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_type` ON `work_items` (`item_type`,"updated_at" desc,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_assignee` ON `work_items` (`assignee`,"updated_at" desc,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_priority` ON `work_items` (`priority`,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_title` ON `work_items` (`title`,`position`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
ALTER TABLE `changes` ADD `person` text;--> statement-breakpoint
ALTER TABLE `changes` ADD `device` text;--> statement-breakpoint
ALTER TABLE `changes` ADD `session` text;--> statement-breakpoint
CREATE INDEX `changes_client` ON `changes` (`client`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_person` ON `changes` (`person`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_session` ON `changes` (`session`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_device` ON `changes` (`device`,`seq`);--> statement-breakpoint
ALTER TABLE `conflicts` ADD `person` text;--> statement-breakpoint
ALTER TABLE `conflicts` ADD `session` text;