CREATE TABLE "conflicts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"kind" text collate "C" NOT NULL,
	"entity" text collate "C" NOT NULL,
	"entity_id" uuid NOT NULL,
	"device" uuid NOT NULL,
	"actor" text collate "C" NOT NULL,
	"client" text collate "C" NOT NULL,
	"made_at" timestamp(3) with time zone NOT NULL,
	"found_at" timestamp(3) with time zone NOT NULL,
	"reason" text collate "C" NOT NULL,
	"changes" jsonb NOT NULL,
	"details" jsonb NOT NULL,
	"resolution" text collate "C",
	"resolved_at" timestamp(3) with time zone,
	"resolved_by" text collate "C",
	"resolved_by_change" uuid
);
--> statement-breakpoint
CREATE TABLE "open_conflicts" (
	"record_id" uuid NOT NULL,
	"conflict_id" uuid NOT NULL,
	CONSTRAINT "open_conflicts_record_id_conflict_id_pk" PRIMARY KEY("record_id","conflict_id")
);
--> statement-breakpoint
ALTER TABLE "open_conflicts" ADD CONSTRAINT "open_conflicts_conflict_id_conflicts_id_fk" FOREIGN KEY ("conflict_id") REFERENCES "conflicts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "conflicts_found" ON "conflicts" USING btree ("found_at","id");--> statement-breakpoint
CREATE INDEX "conflicts_entity" ON "conflicts" USING btree ("entity_id");--> statement-breakpoint
CREATE INDEX "open_conflicts_conflict" ON "open_conflicts" USING btree ("conflict_id");