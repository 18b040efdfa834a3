CREATE TABLE `claims` (
	`item_id` text PRIMARY KEY NOT NULL,
	`token` integer NOT NULL,
	`holder` text,
	`client` text,
	`expires_at` text,
	`lease_seconds` integer NOT NULL,
	`handed_over` integer NOT NULL,
	`granted_by` text NOT NULL,
	FOREIGN KEY (`item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `claims_holder` ON `claims` (`holder`,`expires_at`);--> statement-breakpoint
CREATE TABLE `enhancement_dependencies` (
	`enhancement_id` text NOT NULL,
	`depends_on_id` text NOT NULL,
	PRIMARY KEY(`enhancement_id`, `depends_on_id`),
	FOREIGN KEY (`enhancement_id`) REFERENCES `enhancements`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`depends_on_id`) REFERENCES `enhancements`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `enhancement_dependencies_target` ON `enhancement_dependencies` (`depends_on_id`,`enhancement_id`);--> statement-breakpoint
CREATE TABLE `enhancements` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`title` text NOT NULL,
	`description` text,
	`priority` integer NOT NULL,
	`status` text NOT NULL,
	`target_quarter` text,
	`requires_constitutional_principles` text NOT NULL,
	`work_item_id` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`created_by` text NOT NULL,
	`updated_by` text NOT NULL,
	FOREIGN KEY (`work_item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `enhancements_priority` ON `enhancements` (`priority`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `enhancements_item` ON `enhancements` (`work_item_id`);--> statement-breakpoint
CREATE TABLE `notes` (
	`id` text PRIMARY KEY NOT NULL,
	`item_id` text NOT NULL,
	`text` text NOT NULL,
	`created_at` text NOT NULL,
	`created_by` text NOT NULL,
	FOREIGN KEY (`item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `notes_item` ON `notes` (`item_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `ready_queue` (
	`item_id` text PRIMARY KEY NOT NULL,
	`priority` integer NOT NULL,
	`rank` integer NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`item_id`) REFERENCES `work_items`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `ready_queue_order` ON `ready_queue` (`priority`,`rank`,`created_at`,`item_id`);--> statement-breakpoint
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
