// Documents for the tests: one of each kind, as values.

@testable import Contract

enum Samples {
    static let moment = Timestamp(nanoseconds: 1_795_485_859_125_000_000)
    static let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

    static var status: StatusDocument {
        StatusDocument(
            jobID: "7d0c", progress: 35, stage: .generate, message: "Waiting for the picture", estimatedTime: 21.5,
            attempt: 1, userID: "peichin", outfitID: outfit, provider: "Runway ML",
            updatedAt: moment)
    }

    /// The same while it waits for a place.
    static var waiting: StatusDocument {
        var status = status
        status.waiting = JobWait(.place, since: moment, until: moment, ahead: 12)
        return status
    }

    static let outfit = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0001"

    static func picture(_ name: String = outfit, s3: Bool = false) -> ResultDocument.Picture {
        let key = "peichin/items/visualizations/\(name).jpg"
        var making = ResultDocument.Making()
        making.taskID = s3 ? "17f20503-6c24-4c16-946b-35dbbce2af2f" : nil
        making.model = s3 ? "gen4_image" : nil
        making.userLevelDescriptor = s3
        making.modelDescriptorUsed = s3
        making.ratio = "1080:1440"
        making.seed = s3 ? 7 : nil
        making.prompt = s3 ? "A \"person\" in @top and @shoes" : nil
        making.references = 3
        return ResultDocument.Picture(
            imageURL: s3 ? "https://outfits.s3.eu-west-1.amazonaws.com/\(key)" : "wardrobe_photos/\(key)",
            storage: s3 ? .s3(uri: "s3://outfits/\(key)") : .local(path: "/srv/wardrobe_photos/\(key)"),
            generationTime: s3 ? 32.5 : 0.412, provider: s3 ? "Runway ML" : "Flat lay", making: making,
            image: .init(width: 1080, height: 1440, bytes: 412_331, sha256: digest, contentType: "image/jpeg"))
    }

    static func result(_ outcome: ResultDocument.Outcome) -> ResultDocument {
        var document = ResultDocument(
            jobID: "7d0c", progress: 100, outcome: outcome, userID: "peichin",
            outfitID: outfit, attempts: 1, requestSHA256: digest, metadata: nil,
            finishedAt: moment, version: "1.0.0")
        document.submitterUID = 1001
        return document
    }

    static var completeLocal: ResultDocument {
        var document = result(.complete(picture: picture(), views: []))
        document.timing = .init(
            queued: 0.01,
            stages: [.prepare: 0.2, .generate: 0.412, .download: 0, .store: 0.1, .update: 0.02], total: 0.742)
        return document
    }

    static var completeS3: ResultDocument {
        let first = picture("views/\(outfit)/plain", s3: true)
        let second = picture("views/\(outfit)/street", s3: true)
        var document = result(
            .complete(
                picture: first, views: [.init(name: "plain", picture: first), .init(name: "street", picture: second)]))
        document.cost = .init(credits: 16, usd: 0.16)
        document.timing = .init(
            queued: 0.004, stages: [.prepare: 0.4, .generate: 31.2, .download: 0.8, .store: 0.1, .update: 0.02],
            total: 32.6)
        document.metadata = Array(#"{"cart": [1e3, "\u00e9"],  "note":null}"#.utf8)
        return document
    }

    static var removed: ResultDocument {
        var document = result(
            .removed([
                "wardrobe_photos/peichin/items/visualizations/\(outfit).jpg",
                "wardrobe_photos/peichin/items/visualizations/views/\(outfit)/street.jpg",
            ]))
        document.attempts = 0
        document.timing = .init(queued: 0.01, stages: [.update: 0.02], total: 0.03)
        return document
    }

    static var profile: ResultDocument {
        var document = result(.profile(modelDescriptor: "Model: ~163 cm, dark wavy hair"))
        (document.outfitID, document.attempts) = (nil, 0)
        document.timing = .init(queued: 0.01, stages: [.update: 0.02], total: 0.03)
        return document
    }

    static var completeFilm: ResultDocument {
        var film = picture(s3: true)
        film.imageURL = "https://outfits.s3.eu-west-1.amazonaws.com/peichin/items/visualizations/\(outfit).mp4"
        film.storage = .s3(uri: "s3://outfits/peichin/items/visualizations/\(outfit).mp4")
        (film.making.model, film.making.ratio, film.making.references) = ("gen4_turbo", "832:1104", 1)
        (film.making.userLevelDescriptor, film.making.modelDescriptorUsed) = (false, false)
        film.making.prompt = "The outfit in the picture comes to life."
        film.image = .init(
            width: 832, height: 1104, bytes: 3_412_331, sha256: digest, contentType: "video/mp4", duration: 5.042)
        var document = result(.complete(picture: film, views: []))
        document.cost = .init(credits: 25, usd: 0.25)
        document.timing = .init(
            queued: 0.004, stages: [.prepare: 0.3, .generate: 32.5, .download: 0.9, .store: 0.2, .update: 0.02],
            total: 33.9)
        return document
    }

    static var failedUnread: ResultDocument {
        var document = result(
            .failed(
                .init(
                    code: .notARegularFile, message: "\"7d0c.json\" is a symbolic link; deliver the file itself.",
                    stage: nil)))
        document.progress = 0
        (document.userID, document.outfitID, document.requestSHA256) = (nil, nil, nil)
        document.attempts = 0
        return document
    }

    static var failedInvalid: ResultDocument {
        var document = result(.failed(.init(code: .internal, message: "", stage: nil)))
        if let fault = requestFault(
            in: #"{"user_id":"peichin","outfit_id":"8f14e45f-ceea-467f-a0e6-1d1c6d3a0001","promt":"x","seed":-1}"#)
        {
            document.outcome = .failed(.init(fault))
        }
        document.progress = 0
        document.attempts = 0
        return document
    }

    static let members: [ResultDocument.Batch.Member] = [
        .init(outfitID: outfit, jobID: "7d0c.0001", isComplete: true),
        .init(outfitID: "o-18", jobID: "7d0c.0002", isComplete: false),
    ]

    static var completeBatch: ResultDocument {
        var document = result(.batch(.init(members: members)))
        document.outfitID = nil
        document.cost = .init(credits: 8, usd: 0.08)
        document.timing = .init(
            queued: 0.01,
            stages: [.prepare: 0.4, .generate: 62.1, .download: 0.8, .store: 0.1, .update: 0.02], total: 40.5)
        document.attempts = 2
        return document
    }

    static var partlyFailed: ResultDocument {
        let picture = picture("views/\(outfit)/plain", s3: true)
        var document = result(.complete(picture: picture, views: [.init(name: "plain", picture: picture)]))
        document.failedViews = [
            .init(
                name: "street",
                failure: .init(code: .moderation, message: "The provider refused it.", stage: .generate))
        ]
        document.cost = .init(credits: 16, usd: 0.16)
        document.attempts = 2
        return document
    }

    static var failedBatch: ResultDocument {
        var failure = ResultDocument.Failure(
            code: .outfitNotFound, message: "None of the 1 outfits could be made.", stage: .prepare)
        failure.batch = .init(members: [members[1]])
        var document = result(.failed(failure))
        (document.outfitID, document.progress, document.attempts) = (nil, 5, 0)
        return document
    }

    static var failedUnknown: ResultDocument {
        var failure = ResultDocument.Failure(
            code: .submissionUnknown,
            message: "The order was sent and its answer was lost. Look at the provider's list of tasks, then retry.",
            stage: .generate)
        failure.httpStatus = 502
        failure.providerCode = "BAD_GATEWAY"
        var document = result(.failed(failure))
        document.progress = 25
        document.cost = .init(credits: 8, usd: 0.08, uncertain: true)
        document.timing = .init(queued: 0.01, stages: [.prepare: 0.2, .generate: 30], total: 30.2)
        return document
    }

    static var all: [(name: String, document: ResultDocument)] {
        [
            ("complete-local", completeLocal), ("complete-s3-views", completeS3), ("complete-film", completeFilm),
            ("complete-removed", removed), ("complete-profile", profile), ("failed-unread", failedUnread),
            ("failed-invalid-request", failedInvalid), ("failed-submission-unknown", failedUnknown),
            ("complete-batch", completeBatch), ("complete-partly", partlyFailed), ("failed-batch", failedBatch),
        ]
    }
}
