// The tables of the journal and the ledger, and the way from any older version of them to this one.
//
// Migrations are only ever added. A file that a newer vizd has written is refused: it may hold states that this one
// would misread, and money hangs on them. So a new word in an enum (a phase, a state, a result code) comes with a
// migration, if an empty one. Times are nanoseconds since 1970, money is micro-dollars, enums are their words, and
// CHECK keeps out what the code could not read back.
//
//     journal    one row: the id that the spool carries too
//     job        one row a name, small, written at every step; a part of a compound job names its parent and its root
//     document   what is large of a job (request, plan, stored, result), so that a step does not rewrite it
//     attempt    the ledger; no foreign key to `job`, since it outlives it
//     kept       the stored pictures by what they show, for answers that cost nothing
//     spend      sums of `attempt` by month and user, and by month alone under the user '' (no user has that id), kept
//                by triggers: a budget is asked for at every order

internal import GRDB

enum Schema {
    /// Brings a file to this version. Throws `newerSchema` when it is past it.
    static func migrate(_ database: DatabaseQueue) throws {
        if try database.read(migrations.hasBeenSuperseded) { throw newer(database.path) }
        try migrations.migrate(database)
    }

    /// Whether a file that may only be read is of this version; throws what stands against it.
    static func check(_ database: DatabaseQueue) throws {
        try database.read { db in
            if try migrations.hasBeenSuperseded(db) { throw newer(database.path) }
            guard try migrations.hasCompletedMigrations(db) else { throw older(database.path) }
        }
    }

    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: jobs, their documents, attempts") { db in try db.execute(sql: first) }
        migrator.registerMigration("2: what is spent") { db in try db.execute(sql: second) }
        migrator.registerMigration("3: jobs that are parts of others") { db in try db.execute(sql: parts) }
        migrator.registerMigration("4: pictures that may be reused") { db in try db.execute(sql: kept) }
        migrator.registerMigration("5: figures that are read again") { db in try db.execute(sql: rechecked) }
        return migrator
    }

    private static func newer(_ path: String) -> JournalFailure {
        JournalFailure(
            .newerSchema,
            "The journal \(path) was written by a newer vizd, which this one cannot read. Install that version again.")
    }

    private static func older(_ path: String) -> JournalFailure {
        JournalFailure(
            .olderSchema,
            "The journal \(path) was written by an older vizd. Start `vizd run` of this version: it will convert it.")
    }

    private static let first = """
        CREATE TABLE journal (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            spool_id TEXT NOT NULL
        ) STRICT;

        CREATE TABLE job (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            run INTEGER NOT NULL CHECK (run >= 1),
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            owner_uid INTEGER NOT NULL,
            phase TEXT NOT NULL
                CHECK (phase IN ('claimed', 'ordered', 'fetched', 'stored', 'recorded', 'landing', 'landed')),
            user_id TEXT,
            outfit_id TEXT,
            provider TEXT,
            picture_file TEXT,
            picture_sha256 BLOB CHECK (length(picture_sha256) = 32),
            picture_bytes INTEGER,
            picture_width INTEGER,
            picture_height INTEGER,
            picture_type TEXT,
            starts INTEGER NOT NULL CHECK (starts >= 0),
            claimed_at INTEGER NOT NULL,
            first_submit_at INTEGER,
            box TEXT CHECK (box IN ('done', 'failed')),
            code TEXT,
            landed_at INTEGER,
            CHECK ((phase IN ('landing', 'landed')) = (box IS NOT NULL)),
            CHECK ((phase = 'landed') = (landed_at IS NOT NULL)),
            CHECK (phase <> 'fetched' OR picture_file IS NOT NULL)
        ) STRICT;
        CREATE INDEX job_open ON job (id) WHERE phase <> 'landed';
        CREATE INDEX job_landed ON job (landed_at, box) WHERE phase = 'landed';

        CREATE TABLE document (
            job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('request', 'plan', 'stored', 'result')),
            bytes BLOB NOT NULL,
            PRIMARY KEY (job, kind)
        ) STRICT;

        CREATE TABLE attempt (
            name TEXT NOT NULL,
            run INTEGER NOT NULL CHECK (run >= 1),
            attempt INTEGER NOT NULL CHECK (attempt >= 1),
            provider TEXT NOT NULL,
            model TEXT,
            user_id TEXT NOT NULL,
            month TEXT NOT NULL CHECK (month GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]'),
            state TEXT NOT NULL CHECK (state IN ('intent', 'task', 'settled', 'uncertain', 'refused')),
            task_id TEXT,
            estimate_credits REAL,
            estimate_usd_micros INTEGER NOT NULL,
            final_credits REAL,
            final_usd_micros INTEGER,
            made INTEGER NOT NULL CHECK (made IN (0, 1)),
            created_at INTEGER NOT NULL,
            task_at INTEGER,
            settled_at INTEGER,
            free_of_charge INTEGER NOT NULL CHECK (free_of_charge IN (0, 1)),
            PRIMARY KEY (name, run, attempt),
            CHECK (state <> 'task' OR task_id IS NOT NULL),
            CHECK ((state IN ('settled', 'refused')) = (final_usd_micros IS NOT NULL))
        ) STRICT;
        CREATE INDEX attempt_month ON attempt (month, user_id);
        CREATE INDEX attempt_made ON attempt (provider, settled_at, model, created_at) WHERE made = 1;
        """

    private static let second = """
        CREATE TABLE spend (
            month TEXT NOT NULL,
            user_id TEXT NOT NULL,
            usd_micros INTEGER NOT NULL,
            PRIMARY KEY (month, user_id)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO spend SELECT month, user_id, sum(coalesce(final_usd_micros, estimate_usd_micros))
            FROM attempt GROUP BY month, user_id;
        INSERT INTO spend SELECT month, '', sum(usd_micros) FROM spend GROUP BY month;

        CREATE TRIGGER spend_reserved AFTER INSERT ON attempt BEGIN
            INSERT INTO spend VALUES
                (new.month, new.user_id, coalesce(new.final_usd_micros, new.estimate_usd_micros)),
                (new.month, '', coalesce(new.final_usd_micros, new.estimate_usd_micros))
                ON CONFLICT (month, user_id) DO UPDATE SET usd_micros = usd_micros + excluded.usd_micros;
        END;
        CREATE TRIGGER spend_changed AFTER UPDATE ON attempt
            WHEN coalesce(new.final_usd_micros, new.estimate_usd_micros)
                <> coalesce(old.final_usd_micros, old.estimate_usd_micros)
        BEGIN
            UPDATE spend SET usd_micros = usd_micros + coalesce(new.final_usd_micros, new.estimate_usd_micros)
                - coalesce(old.final_usd_micros, old.estimate_usd_micros)
                WHERE month = new.month AND user_id IN (new.user_id, '');
        END;
        """

    private static let parts = """
        ALTER TABLE job ADD COLUMN parent TEXT;
        ALTER TABLE job ADD COLUMN part INTEGER;
        ALTER TABLE job ADD COLUMN root TEXT;
        ALTER TABLE job ADD COLUMN root_run INTEGER;
        ALTER TABLE job ADD COLUMN kin TEXT CHECK (kin IN ('member', 'view', 'still')
            AND parent IS NOT NULL AND part >= 1 AND root IS NOT NULL AND root_run >= 1
            OR kin IS NULL AND parent IS NULL);
        CREATE UNIQUE INDEX job_parent ON job (parent, part) WHERE parent IS NOT NULL;
        CREATE INDEX job_root ON job (root) WHERE root IS NOT NULL;
        """

    /// `view` is empty for the outfit's own picture. `place` says where it is, in the pipeline's own form.
    private static let kept = """
        CREATE TABLE kept (
            user_id TEXT NOT NULL,
            outfit_id TEXT NOT NULL,
            view TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('image', 'video')),
            fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
            place BLOB NOT NULL,
            sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
            bytes INTEGER NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            type TEXT NOT NULL,
            job TEXT NOT NULL,
            made_at INTEGER NOT NULL,
            PRIMARY KEY (user_id, outfit_id, view, kind)
        ) STRICT, WITHOUT ROWID;
        """

    /// Since when a figure that may still change waits to be read again.
    private static let rechecked = """
        ALTER TABLE attempt ADD COLUMN recheck_since INTEGER;
        CREATE INDEX attempt_recheck ON attempt (recheck_since) WHERE recheck_since IS NOT NULL;
        """
}
