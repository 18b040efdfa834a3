-- By which version of its rules each table was made that follows from others (`sql/apply/derived.ts`). It is never copied.
CREATE TABLE derivations (
	name text PRIMARY KEY NOT NULL,
	rules integer NOT NULL
);
--> statement-breakpoint
-- Triggers keep the search index, whatever program writes.
INSERT INTO derivations (name, rules) VALUES ('search', 1);
