// The bucket tried out, as `vizd run` does before it starts: what `check-config` says of it.

internal import Linux
internal import Transfer
internal import Wardrobe

enum StorageCheck {
    /// Writes an object of its own, writes it again under conditions where records are kept there, and removes it.
    /// Success where nothing is kept in a bucket.
    static func run(_ settings: Settings) throws(SystemFailure) -> ExitStatus {
        guard let store = settings.store(try CurlTransfer(TransferSettings(settings))) else { return .success }
        let bucket = shown("s3://\(store.bucket.name)")
        guard let failure = StorageAssembly.probe(store, settings) else {
            let records =
                settings.wardrobeType == .s3 ? " It obeys conditional writes, so records can be kept there." : ""
            Surroundings.print("The bucket \(bucket) passed all tests.\(records)\n")
            return .success
        }
        Surroundings.print("The bucket \(bucket):\n  problem: \(shown("\(failure)")).\n")
        return failure.isPassing ? .tryAgain : .configuration
    }
}
