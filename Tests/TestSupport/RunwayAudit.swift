// What must be true of a place when its vizd has stopped, whatever happened before: each request ended once, each task
// belongs to one attempt, the books of both sides agree, and no secret was written down.
//
// Everything that is not so is a sentence; the list is empty when all is well.

package import Contract
internal import Foundation
internal import Ledger
internal import Linux
internal import RunwaySimulator

extension RunwaySite {
    /// What is wrong after vizd has stopped and these jobs, and no others, have ended.
    package func complaints(_ names: [String]) throws -> [String] {
        guard let journal = try JournalReader.open(path: "\(site.state)/vizd.sqlite") else {
            return ["no journal"]
        }
        let books = runway.books
        var found = try boxes(names, journal) + leaks() + leftovers()
        for task in books.tasks where !names.contains(where: { task.prompt.contains(Self.mark($0)) }) {
            found.append("task \(task.id) belongs to no job")
        }
        for name in names {
            guard let result = try result(name) else { continue }
            // What a job's parts cost is the job's; what costs nothing is no business of Runway's.
            let rows = try [journal.row(name)].compactMap(\.self) + journal.family(of: name)
            let known = try rows.flatMap { try journal.attempts($0.name) }
            let all = known.filter { !$0.freeOfCharge }
            let runs = Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0.run) })
            let tasks = books.tasks.filter { $0.prompt.contains(Self.mark(name)) }
            found += Account(name: name, attempts: all, tasks: tasks, result: result).complaints
            found += Bill(name: name, known: known.filter { $0.run == runs[$0.name] }, result: result).complaints
            found += try rows.dropFirst().flatMap { try parts($0, journal) }
        }
        return found
    }

    /// The result of a job, wherever it landed; nil if nowhere.
    package func result(_ name: String) throws -> ResultDocument? {
        for box in ["done", "failed"] {
            if let bytes = try site.file(box, "\(name).result.json") {
                return try ResultDocument.decode(bytes)
            }
        }
        return nil
    }

    /// What the status file of a job says; nil where there is none, or none any more.
    package func status(of name: String) throws -> StatusDocument? {
        try statusText("\(name).status.json").map { try StatusDocument.decode(Array($0.utf8)) }
    }

    /// Secrets in the status files of this moment.
    package func leaksInStatuses() throws -> [String] {
        var found: [String] = []
        for name in try site.box("processing").names().map(\.description) where name.hasSuffix(".status.json") {
            guard let text = try statusText(name) else { continue }
            found += secrets.filter { text.contains($0) }.map { "\($0) stands in \(name): \(text)" }
        }
        return found
    }

    private func statusText(_ name: String) throws -> String? {
        do {
            return try site.file("processing", name).map { String(decoding: $0, as: UTF8.self) }
        } catch let failure as SystemFailure where failure.errno == .notFound {
            return nil  // The job has landed meanwhile.
        }
    }

    /// A part has ended as the journal says, and its own result tells what it cost.
    private func parts(_ row: JobRow, _ journal: JournalReader) throws -> [String] {
        guard let outcome = row.outcome, row.phase == .landed else { return ["\(row.name) has not ended"] }
        guard row.kinship?.kind.hasFiles ?? true else { return [] }
        guard let result = try result(row.name) else { return ["\(row.name) has no result"] }
        if case .failed(let failure) = result.outcome, failure.code != outcome.code {
            return ["\(row.name) failed with \(failure.code), and the journal says \(outcome)"]
        }
        let below = try journal.family(of: row.kinship?.root ?? "").filter { $0.name.hasPrefix(row.name + ".") }
        let attempts = try ([row] + below).flatMap { one in
            try journal.attempts(one.name).filter { $0.run == one.run }
        }
        return Bill(name: row.name, known: attempts, result: result).complaints
    }

    /// The files of a job's parts: a result each, in the box that the journal names.
    private func partFiles(_ names: [String], _ box: OutcomeBox, _ journal: JournalReader) throws -> Set<String> {
        let rows = try names.flatMap { try journal.family(of: $0) }
        let there = rows.filter { $0.outcome?.box == box && $0.kinship?.kind.hasFiles == true }
        return Set(there.map { "\($0.name).result.json" })
    }

    /// Each request lies in one of the two boxes, its result beside it, and nothing else is anywhere.
    private func boxes(_ names: [String], _ journal: JournalReader) throws -> [String] {
        var found: [String] = []
        let parts = try (partFiles(names, .done, journal), partFiles(names, .failed, journal))
        var (done, failed) = (Set(try site.names("done")), Set(try site.names("failed")))
        found += parts.0.subtracting(done).union(parts.1.subtracting(failed)).sorted().map { "\($0) is not there" }
        (done, failed) = (done.subtracting(parts.0), failed.subtracting(parts.1))
        for name in names {
            let pair: Set = ["\(name).json", "\(name).result.json"]
            let isDone = pair.isSubset(of: done) && pair.isDisjoint(with: failed)
            let isFailed = pair.isSubset(of: failed) && pair.isDisjoint(with: done)
            guard isDone != isFailed, let result = try result(name) else {
                found.append("\(name) has not ended once, with a result beside it")
                continue
            }
            let box = if case .failed = result.outcome { "failed" } else { "done" }
            if result.jobID != name || (box == "done") != isDone {
                found.append("\(name) has another's result")
            }
        }
        let expected = Set(names.flatMap { ["\($0).json", "\($0).result.json"] })
        found += done.union(failed).subtracting(expected).sorted().map { "\($0) is there and nobody's" }
        for box in ["incoming", "processing", "tmp"] {
            found += try site.box(box).names().map { "\($0) is left in \(box)/" }
        }
        return found
    }

    private func leftovers() throws -> [String] {
        let left = try Directory(path: "\(site.state)/work").names().map(\.description)
        return left == ["exec", "prepared"] ? [] : ["left in work/: \(left)"]
    }

    /// Files of vizd's that contain a secret.
    private func leaks() throws -> [String] {
        var found: [String] = []
        for folder in [site.spool, site.state, site.logs, site.wardrobe] {
            let files = FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? []
            for file in files {
                let path = "\(folder)/\(file)"
                guard
                    try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
                        == .typeRegular
                else { continue }
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                found += secrets.filter { bytes.range(of: Data($0.utf8)) != nil }.map {
                    "\($0) stands in \(path)"
                }
            }
        }
        return found
    }
}

/// The attempts of one job against its tasks.
private struct Account {
    let name: String
    let attempts: [AttemptRow]
    let tasks: [BookedTask]
    let result: ResultDocument

    var complaints: [String] {
        var found: [String] = []
        let known = attempts.compactMap(\.taskID)
        if Set(known).count != known.count { found.append("\(name): a task stands for two attempts") }
        for id in known where !tasks.contains(where: { $0.id == id }) {
            found.append("\(name): Runway knows nothing of task \(id)")
        }
        // Only an order whose answer was lost may have made a task that nobody knows.
        let lost = attempts.filter { $0.state == .uncertain && $0.taskID == nil }.count
        let strays = tasks.filter { !known.contains($0.id) }.count
        if strays > lost { found.append("\(name): \(strays) tasks of \(tasks.count) have no attempt") }
        return found
            + attempts.flatMap { complaints($0, tasks.first { [id = $0.taskID] in $0.id == id }) }
    }

    private func complaints(_ attempt: AttemptRow, _ task: BookedTask?) -> [String] {
        let what = "\(name), attempt \(attempt.attempt) (\(attempt.state))"
        switch attempt.state {
        case .intent: return ["\(what) is still open"]
        case .task:
            let codes: [ResultCode] = [.generationTimeout, .providerUnavailable, .providerAuth]
            if case .failed(let failure) = result.outcome, codes.contains(failure.code) { return [] }
            return ["\(what) is still open"]
        case .settled:
            guard let final = attempt.final, let task, let billed = task.billed else {
                return ["\(what) is unknown"]
            }
            let isRight = final.credits == Double(billed) && final.usdMicros == Int64(billed) * 10_000
            return isRight ? [] : ["\(what) has \(final), Runway billed \(billed)"]
        case .uncertain: return attempt.final == nil ? [] : ["\(what) has a final figure"]
        case .refused: return task == nil ? [] : ["\(what) has a task"]
        }
    }
}

/// The attempts of one run against the cost in its result.
private struct Bill {
    let name: String
    /// All attempts of the run, the free ones too.
    let known: [AttemptRow]
    let result: ResultDocument

    var complaints: [String] {
        var (credits, micros, isUncertain) = (0.0, Int64(0), false)
        for attempt in known where !attempt.freeOfCharge {
            switch attempt.state {
            case .refused: continue
            case .settled:
                credits += attempt.final?.credits ?? 0
                micros += attempt.final?.usdMicros ?? 0
            case .intent, .task, .uncertain:
                credits += attempt.estimate.credits ?? 0
                micros += attempt.estimate.usdMicros
                isUncertain = true
            }
        }
        let cost = result.cost
        let count = Dictionary(grouping: known, by: \.name).values.reduce(0) { $0 + ($1.map(\.attempt).max() ?? 0) }
        let isRight =
            (cost.credits ?? 0) == credits && Int64((cost.usd * 1e6).rounded()) == micros
            && cost.uncertain == isUncertain && result.attempts == count
        let books =
            "\(credits) credits, \(micros) µ$\(isUncertain ? ", uncertain" : ""), \(known.count) attempts"
        return isRight
            ? [] : ["\(name): the result says \(cost), \(result.attempts) attempts; the books \(books)"]
    }
}
