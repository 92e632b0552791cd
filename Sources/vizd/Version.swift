/// The version of this vizd, as `--version`, the results and the user agent say it.
enum Version {
    static let text = "0.1.0"
}
