// The organisation: balance, limits, today's counters, credits by day. Free reads.

internal import Contract
internal import LoopbackServer

extension Core {
    /// Answers `GET /v1/organization`.
    func readOrganization(_ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path)
        if let reply = spoiled(.organization, call) { return reply }
        let (account, fault) = commit(.organization, call) { live, moment, _ in
            var used: [String: Int] = [:]
            for model in RoutedInput.knownModels { used[model] = live.book.dailyGenerations(of: model, at: moment) }
            return ((credits: live.book.credits, used: used), true)
        }
        let answer = Answer.json { writer in
            writer.member("creditBalance", account.credits)
            writer.key("tier")
            writer.beginObject()
            writer.member("maxMonthlyCreditSpend", configuration.maximumMonthlySpend)
            Self.writeModels(&writer) { model, writer in
                let limits = configuration.limits(of: model)
                writer.member("maxConcurrentGenerations", limits.concurrent)
                writer.member("maxDailyGenerations", limits.daily)
            }
            writer.endObject()
            writer.key("usage")
            writer.beginObject()
            Self.writeModels(&writer) { $1.member("dailyGenerations", account.used[$0] ?? 0) }
            writer.endObject()
            Self.writeUnknown(fault, &writer)
        }
        return Disturbance.reply(answer, fault)
    }

    private static func writeModels(_ writer: inout JSONWriter, _ write: (String, inout JSONWriter) -> Void) {
        writer.key("models")
        writer.beginObject()
        for model in RoutedInput.knownModels {
            writer.key(model)
            writer.beginObject()
            write(model, &writer)
            writer.endObject()
        }
        writer.endObject()
    }

    /// Answers `POST /v1/organization/usage`: net credits by day and model, at most 90 days, the last 30 by default.
    func readUsage(_ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path, body: request.body)
        if let reply = spoiled(.organization, call) { return reply }
        let (node, broken) = json(request)
        guard let node else { return (broken ?? .error(400, "No body.")).reply }
        let today = UsageLedger.day(of: clock())
        let (start, startIssue) = Self.day(node, "startDate", otherwise: today - 29)
        let (end, endIssue) = Self.day(node, "beforeDate", otherwise: today + 1)
        var issues = [startIssue, endIssue].compactMap(\.self)
        if issues.isEmpty, end <= start || end - start > 90 {
            issues.append(Issue(.custom, [.key("beforeDate")], "The range must be 1 to 90 days."))
        }
        guard issues.isEmpty else { return Answer.issues(issues).reply }
        let (ledger, fault) = commit(.organization, call) { live, _, _ in (live.book.usage, true) }
        return Disturbance.reply(Self.usage(ledger, start..<end), fault)
    }

    private static func day(_ node: JSONNode, _ name: String, otherwise: Int64) -> (Int64, Issue?) {
        guard let member = node[name] else { return (otherwise, nil) }
        if let text = member.text, text.utf8.count == 10, let moment = Timestamp(rfc3339: text + "T00:00:00Z") {
            return (UsageLedger.day(of: moment.nanoseconds), nil)
        }
        return (0, Issue(.invalidFormat, [.key(name)], "Invalid ISO date", ["format": .text("date")]))
    }

    private static func usage(_ ledger: UsageLedger, _ days: Range<Int64>) -> Answer {
        let wanted = ledger.days.filter { days.contains($0.key) }.sorted { $0.key < $1.key }
        return Answer.json { writer in
            writer.key("models")
            writer.beginArray()
            for model in Set(wanted.flatMap(\.value.keys)).sorted() { writer.string(model) }
            writer.endArray()
            writer.key("results")
            writer.beginArray()
            for (day, models) in wanted {
                writer.beginObject()
                let date = Timestamp(nanoseconds: day * 86_400 * 1_000_000_000).rfc3339.prefix(10)
                writer.member("date", String(date))
                writer.key("usedCredits")
                writer.beginArray()
                for (model, amount) in models.sorted(by: { $0.key < $1.key }) {
                    writer.beginObject()
                    writer.member("model", model)
                    writer.member("amount", amount)
                    writer.endObject()
                }
                writer.endArray()
                writer.endObject()
            }
            writer.endArray()
        }
    }
}
