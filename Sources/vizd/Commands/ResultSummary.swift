// What a person wants to know of a finished job: where the picture is and what it cost, or what went wrong and what
// to do.

internal import Contract
internal import Spool

struct ResultSummary: Equatable, Sendable {
    let status: ExitStatus
    /// For standard output: a path or an address a line.
    let pictures: [String]
    /// For standard error, whole lines.
    let remarks: [String]

    /// `file` is where the result stands, for the case that it says something that this version cannot read.
    init(_ bytes: [UInt8], in box: Box, job: JobReference, file: String) {
        do throws(DocumentFault) {
            self.init(try ResultDocument.decode(bytes))
        } catch {
            let end = box == .done ? "is complete" : "failed"
            self.init(
                status: box == .done ? .success : .jobFailed, pictures: [],
                remarks: ["The job \(shown(job.name)) \(end); its result is in \(shown(file))."])
        }
    }

    private init(status: ExitStatus, pictures: [String], remarks: [String]) {
        self.status = status
        self.pictures = pictures
        self.remarks = remarks
    }

    init(_ result: ResultDocument) {
        let price = Self.price(result.cost)
        switch result.outcome {
        case .complete(let picture, let views):
            status = .success
            pictures = (views.isEmpty ? [picture] : views.map(\.picture)).map { shown(Self.place($0)) }
            let reused = picture.making.reused ? ", answered from the stored picture" : ""
            let time = result.timing.total.map { ", \(Self.seconds($0))" } ?? ""
            let film = picture.image.duration.map { ", a film of \(Self.seconds($0))" } ?? ""
            let failed = result.failedViews.map {
                "The view \(shown($0.name)) failed (\($0.failure.code.rawValue)): "
                    + printable($0.failure.message, limit: 2000)
            }
            remarks = ["\(shown(picture.provider))\(film), \(price)\(time)\(reused)"] + failed
        case .batch(let batch):
            status = .success
            // A picture of a batch is in the result of its own job.
            pictures = []
            remarks = [Self.line(batch, price, result.timing.total)] + Self.failures(batch)
        case .removed(let addresses):
            status = .success
            pictures = addresses.map { shown($0) }
            let count =
                addresses.count == 1
                ? "1 picture was" : "\(addresses.isEmpty ? "no" : "\(addresses.count)") pictures were"
            remarks = ["\(count) removed, and the outfit's record speaks of none"]
        case .profile(let modelDescriptor):
            status = .success
            pictures = []
            remarks = [
                modelDescriptor.map { "the profile says: \(printable($0, limit: 2000))" }
                    ?? "the profile describes nobody any more"
            ]
        case .failed(let failure):
            status = .jobFailed
            pictures = []
            let details = failure.details.map {
                "  " + printable($0.path.isEmpty ? $0.message : "\($0.path): \($0.message)", limit: 500)
            }
            let head = "The job \(shown(result.jobID)) failed (\(failure.code.rawValue)): "
            let again =
                failure.retryable ? ["The same again may work: move its request from failed/ to incoming/."] : []
            remarks = [head + printable(failure.message, limit: 2000)] + details + again + ["Cost: \(price)."]
        }
    }

    /// `4 of 5 outfits, $0.32 (32 credits), 40.0 s; their results: autumn.0001 to autumn.0005`.
    private static func line(_ batch: ResultDocument.Batch, _ price: String, _ total: Double?) -> String {
        let time = total.map { ", \(seconds($0))" } ?? ""
        let names = [batch.members.first, batch.members.last].compactMap { $0.map { shown($0.jobID) } }
        let jobs = names.count == 2 && names[0] != names[1] ? names.joined(separator: " to ") : names.first ?? ""
        return "\(batch.complete) of \(batch.members.count) outfits, \(price)\(time); their results: \(jobs)"
    }

    private static func failures(_ batch: ResultDocument.Batch) -> [String] {
        batch.members.filter { !$0.isComplete }.map {
            "\(shown($0.jobID)) (outfit \(shown($0.outfitID))) failed; its result in failed/ says why."
        }
    }

    private static func place(_ picture: ResultDocument.Picture) -> String {
        switch picture.storage {
        case .local(let path): path
        case .s3: picture.imageURL
        }
    }

    /// "free of charge", "$0.08 (8 credits)", "$0.08 (8 credits, not yet certain)".
    static func price(_ cost: ResultDocument.Cost) -> String {
        if cost.usd == 0 && !cost.uncertain { return "free of charge" }
        var notes: [String] = []
        if let credits = cost.credits, credits > 0 { notes.append("\(decimal(credits)) credits") }
        if cost.uncertain { notes.append("not yet certain") }
        let micros = Int64((min(max(cost.usd, 0), 1e9) * 1_000_000).rounded())
        return "$\(dollars(micros))" + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))")
    }

    private static func decimal(_ value: Double) -> String {
        FixedPoint.text(Int((min(max(value, 0), 1e12) * 1000).rounded()), decimals: 3)
    }

    private static func seconds(_ value: Double) -> String {
        FixedPoint.text(Int((min(max(value, 0), 1e9) * 10).rounded()), decimals: 1) + " s"
    }
}
