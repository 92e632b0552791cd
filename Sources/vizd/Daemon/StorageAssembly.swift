// Where things are kept, by the settings: the bucket, its client, and the wardrobe that is put together of a local one
// and one in the bucket.
//
// There is no falling back: what is configured for the bucket is in the bucket or it is a failure. At a start the
// bucket is tried out. What a person has to mend (keys, region, a store that ignores conditions) ends the start; a
// bucket that does not answer just now is only warned of, since paid pictures are waited for all the same, and no
// record is written before the store has shown that it obeys conditions.

import Contract
import Linux
import Logging
import Pipeline
import Transfer
import Wardrobe

extension Settings {
    /// The bucket; nil where its settings make none.
    var bucket: S3Bucket? {
        s3.bucketName.flatMap { name in
            S3Bucket(
                name: name, region: s3.region, endpoint: s3.endpoint, pathStyle: s3.pathStyle,
                publicBaseURL: storage.publicBaseURL)
        }
    }

    /// A client of the bucket; nil where nothing is kept in one.
    func store(_ transfer: any Transferring) -> S3Store? {
        guard usesS3, let bucket, let id = s3.accessKeyID, let secret = s3.secretAccessKey else { return nil }
        let credentials = S3Credentials(
            accessKeyID: id.reveal(), secretAccessKey: secret.reveal(), sessionToken: s3.sessionToken?.reveal())
        return S3Store(
            bucket, credentials: credentials, transfer: transfer,
            patience: min(limits.jobDeadline.nanoseconds, StorageAssembly.patience), stall: http.stall.nanoseconds)
    }
}

enum StorageAssembly {
    /// Nanoseconds that one request to the bucket is tried for; less where the job's time is over before.
    static let patience: Int64 = 120_000_000_000
    /// The same for trying the bucket out.
    static let probePatience: Int64 = 8_000_000_000

    /// Tries the bucket out. Nil: it can be used.
    static func probe(_ store: S3Store, _ settings: Settings) -> S3Failure? {
        let forRecords = settings.wardrobeType == .s3
        do {
            try Waiter.wait { try await S3Probe(store.patient(for: probePatience)).run(forRecords: forRecords) }
            return nil
        } catch let failure as S3Failure {
            return failure
        } catch {
            preconditionFailure("the probe of a bucket failed with \(error)")
        }
    }

    /// The wardrobe of these settings.
    /// - Parameter root: absolute path of the local one.
    static func wardrobe(
        _ settings: Settings, root: String, pool: BlockingPool, pause: @escaping @Sendable (Int64) async -> Void,
        work: WorkFolder, transfer: any Transferring, log: Logger
    ) throws(StartFailure) -> any Wardrobe {
        let store = settings.store(transfer)
        var pace = Pace.real
        pace.pause = { await pause(Int64($0 / .nanoseconds(1))) }
        let photos = RemotePhotos(
            store: store, transfer: transfer, allowedHosts: settings.wardrobe.allowedHosts,
            limit: settings.limits.imageBytes, pace: pace,
            newFile: { () throws(SystemFailure) in try await work.unnamed() })
        let local = LocalWardrobe(root: root, pool: pool, pace: pace, photos: photos)
        guard let store else { return local }
        let remote = S3Wardrobe(store, photos: photos)
        if try isReady(store, settings, log) { remote.prove() }
        switch (settings.wardrobeType, settings.storage.type) {
        case (.s3, .s3): return remote
        case (.local, .s3): return MixedWardrobe(records: local, pictures: remote)
        case (.s3, .local): return MixedWardrobe(records: remote, pictures: local)
        case (.local, .local): return local
        }
    }

    /// Whether the bucket was tried out to the end.
    private static func isReady(_ store: S3Store, _ settings: Settings, _ log: Logger) throws(StartFailure) -> Bool {
        let bucket = "s3://\(store.bucket.name)"
        guard let failure = probe(store, settings) else {
            log.info("storage.ready", metadata: ["bucket": "\(bucket)"])
            return settings.wardrobeType == .s3
        }
        guard failure.isPassing else {
            throw StartFailure(exit: 78, sentence: "The bucket \(bucket) cannot be used: \(failure).")
        }
        log.warning("storage.unreachable", metadata: ["bucket": "\(bucket)", "reason": "\(failure)"])
        return false
    }
}
