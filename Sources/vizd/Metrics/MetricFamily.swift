// The metrics that vizd tells, each with its kind and what it means: a flat table. The names are a contract; dashboards
// and alerts are written against them, and a test holds those in `etc/` against this list.

/// A family of metrics by its name.
enum MetricFamily: String, CaseIterable, Sendable {
    case buildInfo = "vizd_build_info"
    case isUp = "vizd_up"
    case startTime = "vizd_start_time_seconds"
    case writeTime = "vizd_metrics_write_time_seconds"
    case residentBytes = "vizd_resident_memory_bytes"

    case queueJobs = "vizd_queue_jobs"
    case queueOldest = "vizd_queue_oldest_seconds"
    case queueUsers = "vizd_queue_users"
    case queueTurnedAway = "vizd_queue_turned_away_total"
    case claimed = "vizd_requests_claimed_total"
    case removed = "vizd_requests_removed_total"
    case isPaused = "vizd_claiming_paused"
    case slotsTaken = "vizd_slots_taken"
    case slotsLimit = "vizd_slots_limit"

    case inFlightJobs = "vizd_in_flight_jobs"
    case inFlightOldest = "vizd_in_flight_oldest_seconds"
    case waitingJobs = "vizd_waiting_jobs"
    case waitingOldest = "vizd_waiting_oldest_seconds"
    case parkedJobs = "vizd_parked_jobs"
    case waits = "vizd_job_waits_total"

    case complete = "vizd_results_complete_total"
    case failed = "vizd_results_failed_total"
    case stageSeconds = "vizd_stage_seconds"
    case jobSeconds = "vizd_job_seconds"
    case queuedSeconds = "vizd_job_queued_seconds"

    case providerState = "vizd_provider_state"
    case providerPlaces = "vizd_provider_places_taken"
    case providerLine = "vizd_provider_line_jobs"
    case providerCalls = "vizd_provider_calls_total"
    case orders = "vizd_orders_total"
    case reorders = "vizd_reorders_total"

    case cost = "vizd_cost_usd"
    case spent = "vizd_spent_usd_total"
    case budgetLimit = "vizd_budget_limit_usd"
    case budgetLeft = "vizd_budget_left_usd"

    case isWatching = "vizd_watch_listening"
    case scans = "vizd_watch_scans_total"
    case lastScan = "vizd_watch_last_scan_time_seconds"
    case watchTroubles = "vizd_watch_troubles_total"
    case ignoredFiles = "vizd_ignored_files"

    case diskFree = "vizd_disk_free_bytes"
    case diskFreeInodes = "vizd_disk_free_inodes"
    case diskReadOnly = "vizd_disk_read_only"
    case diskFloor = "vizd_disk_floor_bytes"

    case workers = "vizd_image_workers"
    case workerDeaths = "vizd_image_worker_deaths_total"
    case workerOrders = "vizd_image_orders_waiting"

    case reloads = "vizd_config_reloads_total"
    case lastReload = "vizd_config_last_reload_successful"
    case lastReloadTime = "vizd_config_last_reload_success_time_seconds"

    case commits = "vizd_journal_commits_total"
    case operations = "vizd_journal_operations_total"
    case commitFailures = "vizd_journal_commit_failures_total"
    case journalWaiting = "vizd_journal_operations_waiting"

    /// What Prometheus calls its type.
    enum Kind: String, Sendable {
        case gauge, counter, histogram
    }

    var kind: Kind {
        if rawValue.hasSuffix("_total") { return .counter }
        switch self {
        case .stageSeconds, .jobSeconds, .queuedSeconds: return .histogram
        default: return .gauge
        }
    }

    /// What it means, for whoever reads the file.
    var help: String {
        guard let help = MetricFamily.helps[self] else { preconditionFailure("\(rawValue) is not explained") }
        return help
    }

    private static let helps: [MetricFamily: String] = [
        .buildInfo: "1; the label says which version of vizd this is.",
        .isUp: "1 while vizd runs, 0 in the last words of one that has stopped.",
        .startTime: "When this vizd started, seconds since 1970.",
        .writeTime: "When this file was written, seconds since 1970. It is written at least once a minute.",
        .residentBytes: "Memory that the daemon has resident; its image workers are not counted.",
        .queueJobs: "Jobs that wait for a slot: incoming requests, parts of compound jobs, files of an earlier run.",
        .queueOldest: "How long the request that came first waits in incoming/; 0 where none waits.",
        .queueUsers: "Users with something in the queue.",
        .queueTurnedAway: "Requests that found no room in the index; they stay in incoming/ and are found again.",
        .claimed: "Requests that were claimed from incoming/.",
        .removed: "Duplicates that were removed without a result of their own.",
        .isPaused: "1 while nothing is claimed because a disk has too little room, else 0.",
        .slotsTaken: "Jobs under way, those that only wait included.",
        .slotsLimit: "Jobs that may be under way at once (limits.inFlight).",
        .inFlightJobs: "Jobs under way, by the stage that they are in.",
        .inFlightOldest: "How long the oldest job in this stage has been under way in all; 0 where there is none.",
        .waitingJobs: "Jobs under way that wait, by what they wait for.",
        .waitingOldest: "How long the job that has waited longest for this waits; 0 where none does.",
        .parkedJobs: "Compound jobs whose parts are worked on; they hold no slot.",
        .waits: "Waits that jobs began, by what for; retry, rate_limit and provider_down are tries made again.",
        .complete: "Results that landed in done/.",
        .failed: "Results that landed in failed/, by their code.",
        .stageSeconds: "Seconds that jobs spent in a stage, waiting in line left out.",
        .jobSeconds: "Seconds from claim to result, of jobs that were worked on here.",
        .queuedSeconds: "Seconds from arrival to claim, and in lines for places since.",
        .providerState: "1 for the state that the provider is in: open, held, down or unconfigured; else 0.",
        .providerPlaces: "Orders of this provider that are under way.",
        .providerLine: "Jobs that wait for a place at this provider.",
        .providerCalls: "Calls to the provider that ended, by what came of them.",
        .orders: "Orders that were written down before their call, by provider.",
        .reorders: "Those of them that followed an earlier order of the same run of the same job.",
        .cost: "US dollars of the current month (UTC) in the ledger, by provider and by what is known of them.",
        .spent: "US dollars that were booked as spent since the start; refunds take nothing away.",
        .budgetLimit: "US dollars that may be spent in a month (budget.monthly, budget.perUserMonthly).",
        .budgetLeft: "US dollars left of that this month; of the per-user budget, for the user with the least.",
        .isWatching: "1 while the kernel tells of new files in incoming/, 0 where only the regular scan finds them.",
        .scans: "Scans of incoming/ from the beginning, by reason; deaf and overflow mean that events were lost.",
        .lastScan: "When incoming/ was last scanned, seconds since 1970.",
        .watchTroubles: "Times that something about the watch on incoming/ was told in the log.",
        .ignoredFiles: "Names in incoming/ that are not for vizd, at the last whole scan.",
        .diskFree: "Bytes free on a file system that vizd writes to.",
        .diskFreeInodes: "Inodes free on it; not told where the file system does not count them.",
        .diskReadOnly: "1 where it is mounted read-only, else 0.",
        .diskFloor: "Below so many bytes nothing is claimed or bought (spool.minFree).",
        .workers: "Image workers that are alive.",
        .workerDeaths: "Image workers that did not live to answer: they died, hung, or never began.",
        .workerOrders: "Photos and pictures that wait for an image worker.",
        .reloads: "Reloads of the configuration, by how they ended.",
        .lastReload: "1 if the last reload was put in force (or none was asked for), 0 if it was refused.",
        .lastReloadTime: "When a configuration was last put in force, seconds since 1970.",
        .commits: "Commits of the journal that are on the disk.",
        .operations: "Operations that were answered by them.",
        .commitFailures: "Commits that failed: disk full, or broken.",
        .journalWaiting: "Operations that wait for the journal.",
    ]
}
