// Who makes the picture: the provider that the request or the configuration names, or, while nobody goes in there and
// nothing was ordered yet, the first of `providers.fallback` that is open and can make what is asked for.
//
// What may have been paid for binds a job to its provider, and so does a request that names a provider or a model. What
// a provider cannot make passes it over; where none is left, the job waits for its own.

internal import Contract
internal import Providers

/// A provider that can make what a request asks for, and how.
struct Offer: Sendable {
    let provider: any Provider
    let model: ModelTraits
    let size: PixelSize

    /// Its name, as in the configuration.
    var id: String { provider.traits.id }
}

extension Pipeline {
    /// The job's own provider first, then those that will do as well where nobody goes in there; no others as soon as
    /// something may have been paid for.
    func offers(_ request: JobRequest, _ job: JobRun) throws(StepTrouble) -> [Offer] {
        let bound = job.boundTo.flatMap { providers.provider($0) == nil ? nil : $0 }
        let own: Offer
        do throws(JobFailure) {
            own = try choose(request.provider ?? bound ?? settings.provider, request)
        } catch {
            throw .job(error)
        }
        // A model is the word of one provider.
        guard request.provider == nil, request.model == nil, job.isUnordered else { return [own] }
        return [own] + settings.fallback.filter { $0 != own.id }.compactMap { fitting($0, request) }
    }

    private func fitting(_ name: String, _ request: JobRequest) -> Offer? {
        do throws(JobFailure) {
            return try choose(name, request)
        } catch {
            // It is passed over: what it lacks says nothing of the request, which another can make.
            return nil
        }
    }

    /// The first that somebody may order from; the job's own where there is none. Tells when that is another than its
    /// own, and remembers the rest for the line.
    func pick(_ offers: [Offer], _ job: inout JobRun) -> Offer {
        let own = offers[0]
        let wait = desk.obstacle(own.id, hasPlace: job.place?.provider == own.id)
        var picked = own
        if wait != nil { picked = offers.dropFirst().first { desk.obstacle($0.id) == nil } ?? own }
        job.provider = picked.id
        job.elsewhere = offers.map(\.id).filter { $0 != picked.id }
        defer { job.standIn = picked.id == own.id ? nil : picked.id }
        if let wait, picked.id != own.id, picked.id != job.standIn {
            let fallback = Fallback(from: own.id, to: picked.id, reason: wait.reason)
            var report = job.progress(.prepare, .prepare).saying(
                "\(displayName(own.id)) takes no orders: \(sentence(wait.reason)) The order goes to "
                    + "\(displayName(picked.id)).")
            report.fallback = fallback
            job.report(report)
        }
        return picked
    }
}
