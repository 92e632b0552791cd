// Writes a result: the keys of the contract in the contract's order.
//
// What a result always has is always written, as null where it does not apply; `uncertain`, `by_hand`, `details` and
// the provider's own figures only where there are any.

extension ResultDocument {
    /// The file: several lines for people, or one.
    package func encode(pretty: Bool = true) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.beginObject()
        writer.member(ResultKey.jobID, jobID)
        writer.member(ResultKey.status, outcome.status)
        writer.member(ResultKey.progress, min(max(progress, 0), 100))
        outcome.write(failedViews, to: &writer)
        cost.write(to: &writer)
        timing.write(to: &writer)
        writer.member(ResultKey.userID, userID)
        writer.member(ResultKey.outfitID, outfitID)
        writer.member(ResultKey.attempts, attempts)
        writer.member(ResultKey.requestSHA256, requestSHA256)
        writer.member(ResultKey.submitterUID, submitterUID.map(Int.init))
        writer.key(ResultKey.metadata)
        writer.raw(metadata)
        writer.member(ResultKey.finishedAt, finishedAt.rfc3339)
        writer.member(ResultKey.version, version)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }
}

extension ResultDocument.Outcome {
    fileprivate func write(_ failedViews: [ResultDocument.FailedView], to writer: inout JSONWriter) {
        switch self {
        case .complete(let picture, let views):
            writer.key(ResultKey.result)
            writer.beginObject()
            picture.write(to: &writer)
            if !views.isEmpty {
                writer.key(PictureKey.images)
                writer.beginArray()
                for view in views { view.write(to: &writer) }
                writer.endArray()
            }
            if !failedViews.isEmpty {
                writer.key(PictureKey.failedViews)
                writer.beginArray()
                for view in failedViews { view.write(to: &writer) }
                writer.endArray()
            }
            writer.endObject()
        case .batch(let batch):
            writer.key(ResultKey.result)
            writer.beginObject()
            batch.write(to: &writer)
            writer.endObject()
        case .removed(let addresses):
            writer.key(ResultKey.result)
            writer.beginObject()
            writer.key(ActionKey.removed)
            writer.beginArray()
            for address in addresses { writer.string(address) }
            writer.endArray()
            writer.endObject()
        case .profile(let modelDescriptor):
            writer.key(ResultKey.result)
            writer.beginObject()
            writer.member(ActionKey.modelDescriptor, modelDescriptor)
            writer.endObject()
        case .failed(let failure):
            writer.key(ResultKey.error)
            failure.write(to: &writer)
        }
    }
}

extension ResultDocument.Batch {
    /// The three members, into an object that is open.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.key(BatchKey.results)
        writer.beginArray()
        for member in members {
            writer.beginObject()
            writer.member(MemberKey.outfitID, member.outfitID)
            writer.member(MemberKey.jobID, member.jobID)
            writer.member(MemberKey.status, member.isComplete ? "complete" : "failed")
            writer.endObject()
        }
        writer.endArray()
        writer.member(BatchKey.complete, complete)
        writer.member(BatchKey.failed, failed)
    }
}

extension ResultDocument.FailedView {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(FailedViewKey.view, name)
        writer.key(FailedViewKey.error)
        failure.write(to: &writer)
        writer.endObject()
    }
}

extension ResultDocument.View {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(PictureKey.view, name)
        picture.write(to: &writer)
        writer.endObject()
    }
}

extension ResultDocument.Picture {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member(PictureKey.imageURL, imageURL)
        switch storage {
        case .local(let path): writer.member(PictureKey.imagePath, path)
        case .s3(let uri): writer.member(PictureKey.storageURI, uri)
        }
        writer.member(PictureKey.generationTime, rounded(generationTime, to: 3))
        writer.member(PictureKey.provider, provider)
        writer.key(PictureKey.metadata)
        making.write(to: &writer)
        writer.key(PictureKey.image)
        image.write(to: &writer)
    }
}

extension ResultDocument.Making {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(MakingKey.taskID, taskID)
        writer.member(MakingKey.model, model)
        writer.member(MakingKey.userLevelDescriptor, userLevelDescriptor)
        writer.member(MakingKey.modelDescriptorUsed, modelDescriptorUsed)
        writer.member(MakingKey.ratio, ratio)
        writer.member(MakingKey.seed, seed.map { Int($0) })
        writer.member(MakingKey.prompt, prompt)
        writer.member(MakingKey.references, references)
        writer.member(MakingKey.reused, reused)
        writer.endObject()
    }
}

extension ResultDocument.ImageFacts {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(ImageKey.width, width)
        writer.member(ImageKey.height, height)
        writer.member(ImageKey.bytes, bytes)
        writer.member(ImageKey.sha256, sha256)
        writer.member(ImageKey.contentType, contentType)
        writer.member(ImageKey.duration, duration.map { rounded($0, to: 3) })
        writer.endObject()
    }
}

extension ResultDocument.Cost {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.key(ResultKey.cost)
        writer.beginObject()
        writer.member(CostKey.credits, credits.map { rounded($0, to: 4) })
        writer.member(CostKey.usd, rounded(usd, to: 6))
        if uncertain { writer.member(CostKey.uncertain, true) }
        writer.endObject()
    }
}

extension ResultDocument.Timing {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.key(ResultKey.timing)
        writer.beginObject()
        for key in TimingKey.allCases {
            let seconds: Double? =
                switch key {
                case .queued: queued
                case .total: total
                default: key.stage.flatMap { stages[$0] }
                }
            writer.member(key, seconds.map { rounded($0, to: 3) })
        }
        writer.endObject()
    }
}

extension ResultDocument.Failure {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(ErrorKey.code, code.rawValue)
        writer.member(ErrorKey.message, presentable(message))
        writer.member(ErrorKey.stage, stage?.rawValue)
        writer.member(ErrorKey.retryable, code.byHand ? false : retryable)
        if code.byHand { writer.member(ErrorKey.byHand, true) }
        if !details.isEmpty {
            writer.key(ErrorKey.details)
            writer.beginArray()
            for problem in details { problem.write(to: &writer) }
            writer.endArray()
        }
        if let httpStatus { writer.member(ErrorKey.httpStatus, httpStatus) }
        if let providerCode { writer.member(ErrorKey.providerCode, presentable(providerCode, limit: 200)) }
        if let taskID { writer.member(ErrorKey.taskID, presentable(taskID, limit: 200)) }
        batch?.write(to: &writer)
        writer.endObject()
    }
}

extension Problem {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(ProblemKey.path, presentable(path, limit: 300))
        writer.member(ProblemKey.message, presentable(message))
        writer.endObject()
    }
}
