// Reads a result, for the commands that wait for one and show it.
//
// The mirror of the encoder: what it writes reads back to the same value. Keys of a later version are passed over.

extension ResultDocument {
    /// Reads a result file.
    ///
    /// - Throws: every problem, if it is not one.
    package static func decode(_ bytes: [UInt8]) throws(DocumentFault) -> ResultDocument {
        var reader = try DocumentReader(bytes)
        guard let root = reader.object(reader.root) else {
            try reader.finish()
            preconditionFailure("a document that is no object went unnoticed")
        }
        let outcome = reader.outcome(of: root)
        let metadata = reader.object(ResultKey.metadata, of: root).map { reader.document.text(of: $0.node) }
        let failedViews = reader.failedViews(of: root)
        var document = ResultDocument(
            jobID: reader.text(ResultKey.jobID, of: root),
            progress: reader.count(ResultKey.progress, of: root, within: 0...100),
            outcome: outcome,
            cost: reader.cost(of: root),
            timing: reader.timing(of: root),
            userID: reader.textOrNull(ResultKey.userID, of: root),
            outfitID: reader.textOrNull(ResultKey.outfitID, of: root),
            attempts: reader.count(ResultKey.attempts, of: root, within: 0...DocumentReader.largest),
            requestSHA256: reader.requestDigest(of: root),
            metadata: metadata,
            finishedAt: reader.moment(ResultKey.finishedAt, of: root),
            version: reader.text(ResultKey.version, of: root))
        document.failedViews = failedViews
        document.submitterUID = reader.submitter(of: root)
        try reader.finish()
        return document
    }
}

extension DocumentReader {
    fileprivate mutating func outcome(of root: Place) -> ResultDocument.Outcome {
        let status = field(ResultKey.status, of: root).flatMap { word($0, OutcomeWord.self) }
        if status == .complete {
            refuse(ResultKey.error, of: root)
            guard let result = object(ResultKey.result, of: root) else { return .nothing }
            if let removed = optionalField(ActionKey.removed, of: result) {
                return .removed(elements(removed).compactMap { text($0) })
            }
            if result.node[ActionKey.modelDescriptor.rawValue] != nil {
                return .profile(modelDescriptor: textOrNull(ActionKey.modelDescriptor, of: result))
            }
            if let batch = batch(in: result) { return .batch(batch) }
            let views = optionalField(PictureKey.images, of: result).map { self.views($0) } ?? []
            return .complete(picture: picture(result), views: views)
        }
        refuse(ResultKey.result, of: root)
        guard status == .failed, let error = object(ResultKey.error, of: root) else { return .nothing }
        return .failed(failure(error))
    }

    /// A key that says the opposite of what the status says.
    private mutating func refuse(_ key: ResultKey, of root: Place) {
        if root.node[key.rawValue] != nil { add(key.rawValue, "contradicts the status") }
    }

    private mutating func views(_ place: Place) -> [ResultDocument.View] {
        let elements = self.elements(place)
        if elements.isEmpty { add(place.path, "should have at least one element") }
        return elements.compactMap { element in
            object(element).map {
                ResultDocument.View(name: text(PictureKey.view, of: $0), picture: picture($0))
            }
        }
    }

    /// The views that failed beside others; none in most results.
    fileprivate mutating func failedViews(of root: Place) -> [ResultDocument.FailedView] {
        guard let result = optionalField(ResultKey.result, of: root), case .object = result.node.value,
            let place = optionalField(PictureKey.failedViews, of: result)
        else { return [] }
        return elements(place).compactMap { element in
            guard let view = object(element), let error = object(FailedViewKey.error, of: view) else { return nil }
            return ResultDocument.FailedView(name: text(FailedViewKey.view, of: view), failure: failure(error))
        }
    }

    /// The jobs of a batch, where an object has them. The two counts are taken from the list.
    private mutating func batch(in object: Place) -> ResultDocument.Batch? {
        guard let results = optionalField(BatchKey.results, of: object) else { return nil }
        let batch = ResultDocument.Batch(
            members: elements(results).compactMap { element in
                self.object(element).map { member in
                    ResultDocument.Batch.Member(
                        outfitID: text(MemberKey.outfitID, of: member), jobID: text(MemberKey.jobID, of: member),
                        isComplete: field(MemberKey.status, of: member).flatMap { word($0, OutcomeWord.self) }
                            == .complete)
                }
            })
        for key in [BatchKey.complete, .failed] { _ = count(key, of: object, within: 0...DocumentReader.largest) }
        return batch
    }

    private mutating func picture(_ place: Place) -> ResultDocument.Picture {
        ResultDocument.Picture(
            imageURL: text(PictureKey.imageURL, of: place),
            storage: storage(place),
            generationTime: amount(PictureKey.generationTime, of: place),
            provider: text(PictureKey.provider, of: place),
            making: object(PictureKey.metadata, of: place).map { making($0) } ?? ResultDocument.Making(),
            image: image(of: place))
    }

    private mutating func storage(_ place: Place) -> ResultDocument.Storage {
        let path = optionalField(PictureKey.imagePath, of: place).map { text($0) ?? "" }
        let uri = optionalField(PictureKey.storageURI, of: place).map { text($0) ?? "" }
        switch (path, uri) {
        case (let path?, nil): return .local(path: path)
        case (nil, let uri?): return .s3(uri: uri)
        case (nil, nil): add(place.path(PictureKey.imagePath.rawValue), "is missing, and so is storage_uri")
        case (.some, .some): add(place.path(PictureKey.imagePath.rawValue), "cannot stand beside storage_uri")
        }
        return .local(path: "")
    }

    private mutating func making(_ place: Place) -> ResultDocument.Making {
        var making = ResultDocument.Making()
        making.taskID = textOrNull(MakingKey.taskID, of: place)
        making.model = textOrNull(MakingKey.model, of: place)
        making.userLevelDescriptor = flag(MakingKey.userLevelDescriptor, of: place)
        making.modelDescriptorUsed = flag(MakingKey.modelDescriptorUsed, of: place)
        making.ratio = textOrNull(MakingKey.ratio, of: place)
        if let seed = field(MakingKey.seed, of: place), seed.node.value != .null {
            making.seed = UInt32(count(seed, within: 0...Int(UInt32.max)))
        }
        making.prompt = textOrNull(MakingKey.prompt, of: place)
        making.references = count(MakingKey.references, of: place, within: 0...DocumentReader.largest)
        making.reused = flag(MakingKey.reused, of: place)
        return making
    }

    private mutating func image(of place: Place) -> ResultDocument.ImageFacts {
        guard let image = object(PictureKey.image, of: place) else {
            return ResultDocument.ImageFacts(width: 0, height: 0, bytes: 0, sha256: "", contentType: "")
        }
        return ResultDocument.ImageFacts(
            width: count(ImageKey.width, of: image, within: 1...DocumentReader.largest),
            height: count(ImageKey.height, of: image, within: 1...DocumentReader.largest),
            bytes: count(ImageKey.bytes, of: image, within: 1...DocumentReader.largest),
            sha256: field(ImageKey.sha256, of: image).flatMap { digest($0) } ?? "",
            contentType: text(ImageKey.contentType, of: image),
            // Results of versions that made no films do not have it.
            duration: optionalField(ImageKey.duration, of: image).flatMap {
                $0.node.value == .null ? nil : amount($0)
            })
    }

    fileprivate mutating func requestDigest(of root: Place) -> String? {
        field(ResultKey.requestSHA256, of: root).flatMap { $0.node.value == .null ? nil : digest($0) }
    }

    fileprivate mutating func submitter(of root: Place) -> UInt32? {
        // Results that were written before there was such a key are results, too.
        optionalField(ResultKey.submitterUID, of: root).flatMap { place in
            place.node.value == .null ? nil : UInt32(count(place, within: 0...Int(UInt32.max)))
        }
    }

    fileprivate mutating func cost(of root: Place) -> ResultDocument.Cost {
        guard let cost = object(ResultKey.cost, of: root) else { return ResultDocument.Cost() }
        return ResultDocument.Cost(
            credits: amountOrNull(CostKey.credits, of: cost),
            usd: amount(CostKey.usd, of: cost),
            uncertain: optionalField(CostKey.uncertain, of: cost).map { flag($0) } ?? false)
    }

    fileprivate mutating func timing(of root: Place) -> ResultDocument.Timing {
        var timing = ResultDocument.Timing()
        guard let place = object(ResultKey.timing, of: root) else { return timing }
        timing.queued = amountOrNull(TimingKey.queued, of: place)
        for key in TimingKey.allCases {
            if let stage = key.stage { timing.stages[stage] = amountOrNull(key, of: place) }
        }
        timing.total = amountOrNull(TimingKey.total, of: place)
        return timing
    }

    private mutating func failure(_ place: Place) -> ResultDocument.Failure {
        let code = field(ErrorKey.code, of: place).flatMap { word($0, ResultCode.self) } ?? .internal
        let stage = field(ErrorKey.stage, of: place)
            .flatMap { $0.node.value == .null ? nil : word($0, Stage.self) }
        let retryable = flag(ErrorKey.retryable, of: place)
        if let byHand = optionalField(ErrorKey.byHand, of: place) { _ = flag(byHand) }
        var failure = ResultDocument.Failure(
            code: code, message: text(ErrorKey.message, of: place), stage: stage, retryable: retryable)
        if let details = optionalField(ErrorKey.details, of: place) { failure.details = problems(details) }
        failure.httpStatus = optionalField(ErrorKey.httpStatus, of: place).map { count($0, within: 100...599) }
        failure.providerCode = optionalField(ErrorKey.providerCode, of: place).flatMap { text($0) }
        failure.taskID = optionalField(ErrorKey.taskID, of: place).flatMap { text($0) }
        failure.batch = batch(in: place)
        return failure
    }

    private mutating func problems(_ place: Place) -> [Problem] {
        elements(place).compactMap { element in
            object(element).map {
                Problem(path: text(ProblemKey.path, of: $0), message: text(ProblemKey.message, of: $0))
            }
        }
    }
}

/// The two ends of a job.
private enum OutcomeWord: String, CaseIterable {
    case complete
    case failed
}

extension ResultDocument.Outcome {
    /// Stands in for an outcome that could not be read; nobody sees it.
    fileprivate static let nothing = Self.failed(.init(code: .internal, message: "", stage: nil))
}
