// The example wardrobe's records, found beside this file.

import Linux

enum Records {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        return try Host.readFile("/\(folder)/Records/\(name)", limit: 1 << 20)
    }
}
