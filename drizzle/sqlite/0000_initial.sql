CREATE TABLE `applied_changes` (
	`change_id` text PRIMARY KEY NOT NULL,
	`idempotency_key` text,
	`request_hash` text,
	`result` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `applied_changes_key` ON `applied_changes` (`idempotency_key`);--> statement-breakpoint
CREATE TABLE `changes` (
	`seq` integer PRIMARY KEY NOT NULL,
	`change_id` text NOT NULL,
	`at` text NOT NULL,
	`actor` text NOT NULL,
	`client` text NOT NULL,
	`entity` text NOT NULL,
	`entity_id` text NOT NULL,
	`related_id` text,
	`kind` text NOT NULL,
	`base_version` integer,
	`version` integer,
	`fields` text NOT NULL,
	`merged_with` text NOT NULL,
	`schema_version` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `changes_entity` ON `changes` (`entity_id`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_related` ON `changes` (`related_id`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_actor` ON `changes` (`actor`,`seq`);--> statement-breakpoint
CREATE INDEX `changes_at` ON `changes` (`at`,`seq`);--> statement-breakpoint
CREATE TABLE `project_configuration` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`active_context_type` text NOT NULL,
	`current_session_id` text,
	`default_token_budget` integer NOT NULL,
	`archive_after_days` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`created_by` text NOT NULL,
	`updated_by` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `work_item_dependencies` (
	`source_id` text NOT NULL,
	`target_id` text NOT NULL,
	`dependency_type` text NOT NULL,
	`created_at` text NOT NULL,
	`created_by` text NOT NULL,
	PRIMARY KEY(`source_id`, `target_id`, `dependency_type`),
	FOREIGN KEY (`source_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`target_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `work_item_dependencies_target` ON `work_item_dependencies` (`target_id`,`dependency_type`,`source_id`);--> statement-breakpoint
CREATE TABLE `deployment_vendors` (
	`deployment_id` text NOT NULL,
	`vendor_id` text NOT NULL,
	PRIMARY KEY(`deployment_id`, `vendor_id`),
	FOREIGN KEY (`deployment_id`) REFERENCES `deployments`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`vendor_id`) REFERENCES `vendors`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `deployment_vendors_vendor` ON `deployment_vendors` (`vendor_id`,`deployment_id`);--> statement-breakpoint
CREATE TABLE `deployment_work_items` (
	`deployment_id` text NOT NULL,
	`work_item_id` text NOT NULL,
	PRIMARY KEY(`deployment_id`, `work_item_id`),
	FOREIGN KEY (`deployment_id`) REFERENCES `deployments`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`work_item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `deployment_work_items_item` ON `deployment_work_items` (`work_item_id`,`deployment_id`);--> statement-breakpoint
CREATE TABLE `deployments` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`deployed_at` text NOT NULL,
	`commit_hash` text NOT NULL,
	`metadata` text NOT NULL,
	`compliant` integer NOT NULL,
	`created_at` text NOT NULL,
	`created_by` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `deployments_deployed` ON `deployments` (`deployed_at`,`id`);--> statement-breakpoint
CREATE TABLE `feed` (
	`id` integer PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`changed_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `meta` (
	`id` integer PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`project_slug` text NOT NULL,
	`root_commit` text,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `vendors` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`name` text NOT NULL,
	`name_key` text NOT NULL,
	`status` text NOT NULL,
	`extractor_version` text NOT NULL,
	`metadata` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`created_by` text NOT NULL,
	`updated_by` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `vendors_name_key` ON `vendors` (`name_key`);--> statement-breakpoint
CREATE INDEX `vendors_status` ON `vendors` (`status`,`name_key`);--> statement-breakpoint
CREATE TABLE `work_item_counts` (
	`shelf` text NOT NULL,
	`item_type` text NOT NULL,
	`status` text NOT NULL,
	`items` integer NOT NULL,
	PRIMARY KEY(`shelf`, `item_type`, `status`)
);
--> statement-breakpoint
CREATE TABLE `work_item_labels` (
	`item_id` text NOT NULL,
	`label` text NOT NULL,
	PRIMARY KEY(`item_id`, `label`),
	FOREIGN KEY (`item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `work_item_labels_label` ON `work_item_labels` (`label`,`item_id`);--> statement-breakpoint
CREATE TABLE `work_items` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`item_type` text NOT NULL,
	`title` text NOT NULL,
	`description` text,
	`status` text NOT NULL,
	`priority` integer NOT NULL,
	`labels` text NOT NULL,
	`assignee` text,
	`parent_id` text,
	`path` text NOT NULL,
	`depth` integer NOT NULL,
	`branch_name` text,
	`commit_hash` text,
	`pr_number` integer,
	`metadata` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`completed_at` text,
	`created_by` text NOT NULL,
	`updated_by` text NOT NULL,
	`deleted_at` text,
	`claimed_by` text,
	`claim_expires_at` text,
	`archived_at` text,
	FOREIGN KEY (`parent_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `work_items_parent` ON `work_items` (`parent_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `work_items_updated` ON `work_items` (`updated_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_created` ON `work_items` (`created_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_status` ON `work_items` (`status`,`updated_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_type` ON `work_items` (`item_type`,`updated_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_assignee` ON `work_items` (`assignee`,`updated_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_priority` ON `work_items` (`priority`,`created_at`,`id`) WHERE deleted_at is null and archived_at is null;--> statement-breakpoint
CREATE INDEX `work_items_archived` ON `work_items` (`archived_at`);