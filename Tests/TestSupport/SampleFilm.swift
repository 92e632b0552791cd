// A small film for tests: some seconds of noise, as a service would deliver it.

internal import RunwaySimulator

/// Films for tests.
package enum SampleFilm {
    /// An MP4 of so many square pictures, a second each, no two alike.
    package static func mp4(edge: Int = 16, seconds: Int = 3) -> [UInt8] {
        Movie.encode(
            width: edge, height: edge,
            pictures: (0..<seconds).map { NoisePicture.png(edge: edge, seed: UInt64($0 + 1)) })
    }
}
