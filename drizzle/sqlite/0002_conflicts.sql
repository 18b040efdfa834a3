CREATE TABLE `conflicts` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`kind` text NOT NULL,
	`entity` text NOT NULL,
	`entity_id` text NOT NULL,
	`device` text NOT NULL,
	`actor` text NOT NULL,
	`client` text NOT NULL,
	`made_at` text NOT NULL,
	`found_at` text NOT NULL,
	`reason` text NOT NULL,
	`changes` text NOT NULL,
	`details` text NOT NULL,
	`resolution` text,
	`resolved_at` text,
	`resolved_by` text,
	`resolved_by_change` text
);
--> statement-breakpoint
CREATE INDEX `conflicts_found` ON `conflicts` (`found_at`,`id`);--> statement-breakpoint
CREATE INDEX `conflicts_entity` ON `conflicts` (`entity_id`);--> statement-breakpoint
CREATE TABLE `open_conflicts` (
	`record_id` text NOT NULL,
	`conflict_id` text NOT NULL,
	PRIMARY KEY(`record_id`, `conflict_id`),
	FOREIGN KEY (`conflict_id`) REFERENCES `conflicts`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `open_conflicts_conflict` ON `open_conflicts` (`conflict_id`);