// The picture that a simulated task delivers: a tinted card with a figure in simple clothes, the words SIMULATED
// PICTURE, the model, the size and the first words of the prompt. Nobody can take it for a photo, and two tasks look
// different.
//
// It is drawn on a grid of some 200 cells across and scaled up by a whole number, so that it costs little at any size.

internal import Synchronization

/// A drawing on a small grid.
private struct Grid {
    let width: Int
    let height: Int
    private(set) var rows: [[UInt8]]

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        rows = [[UInt8]](repeating: [UInt8](repeating: 0, count: width), count: height)
    }

    mutating func fill(_ x: Range<Int>, _ y: Int, _ colour: UInt8) {
        let x = x.clamped(to: 0..<width)
        guard (0..<height).contains(y), !x.isEmpty else { return }
        rows[y].replaceSubrange(x, with: repeatElement(colour, count: x.count))
    }

    /// A shape that is as wide as `half` says on both sides of `centre`, from row to row.
    mutating func shape(_ centre: Int, _ y: Range<Int>, _ colour: UInt8, half: (Double) -> Double) {
        for row in y {
            let part = (Double(row - y.lowerBound) + 0.5) / Double(max(1, y.count))
            let reach = Int(half(part).rounded())
            if reach > 0 { fill((centre - reach)..<(centre + reach), row, colour) }
        }
    }

    mutating func write(_ text: String, centre: Int, y: Int, scale: Int, _ colour: UInt8) {
        let advance = (Font.width + 1) * scale
        var x = centre - (text.count * advance - scale) / 2
        for character in text {
            for (row, dots) in Font.rows(character).enumerated() {
                for column in 0..<Font.width where dots >> UInt8(Font.width - 1 - column) & 1 == 1 {
                    let left = x + column * scale
                    for line in 0..<scale { fill(left..<(left + scale), y + row * scale + line, colour) }
                }
            }
            x += advance
        }
    }
}

/// Draws placards and keeps the last ones.
final class PictureStore: Sendable {
    /// All that a placard depends on.
    private struct Look: Hashable {
        let size: PictureSize
        let model: String
        let words: String
        let tint: Int
    }

    private static let kept = 64
    private let pictures = Mutex<[Look: [UInt8]]>([:])

    /// The PNG of a task's output.
    func picture(of task: String, index: Int, order: Order) -> [UInt8] {
        let tint = (task.utf8.reduce(index) { ($0 &* 31 &+ Int($1)) & 0xFFFF }) % Placard.tints
        let words = String(order.prompt.prefix(96))
        let look = Look(size: order.size, model: order.model, words: words, tint: tint)
        if let known = pictures.withLock({ $0[look] }) { return known }
        let made = Placard.draw(order.size, model: order.model, prompt: words, tint: tint)
        pictures.withLock { pictures in
            if pictures.count >= Self.kept { pictures.removeAll() }
            pictures[look] = made
        }
        return made
    }

    /// The MP4 of a task's output: the placard in two tints by turns, a second each. At most half a minute of it.
    func film(of task: String, order: Order) -> [UInt8] {
        let stills = (0..<2).map { picture(of: task, index: $0, order: order) }
        return Movie.encode(order.size, pictures: (0..<min(max(order.seconds ?? 1, 1), 30)).map { stills[$0 % 2] })
    }
}

/// The drawing itself.
package enum Placard {
    package static let tints = 12
    private static let shades = 10

    /// Colours by their place in the palette, after the shades of the ground.
    private enum Ink {
        static let dark = UInt8(shades)
        static let skin = UInt8(shades + 1)
        static let top = UInt8(shades + 2)
        static let bottom = UInt8(shades + 3)
        static let shoe = UInt8(shades + 4)
        static let shadow = UInt8(shades + 5)
        static let frame = UInt8(shades + 6)
    }

    /// A PNG of this size.
    package static func draw(_ size: PictureSize, model: String, prompt: String, tint: Int) -> [UInt8] {
        let scale = max(1, min(size.width, size.height) / 200)
        var grid = Grid(width: size.width / scale, height: size.height / scale)
        ground(&grid)
        figure(&grid)
        words(&grid, model: model, size: "\(size.width) × \(size.height)", prompt: prompt)
        return PNG.encode(
            width: size.width, height: size.height, palette: palette(tint), bands: bands(grid, scale, size))
    }

    private static func ground(_ grid: inout Grid) {
        for y in 0..<grid.height { grid.fill(0..<grid.width, y, UInt8(y * shades / grid.height)) }
        let (inset, width, height) = (5, grid.width, grid.height)
        guard min(width, height) > 60 else { return }
        for y in inset..<(height - inset) {
            let isEdge = y == inset || y == height - inset - 1
            if isEdge {
                grid.fill(inset..<(width - inset), y, Ink.frame)
            } else {
                grid.fill(inset..<(inset + 1), y, Ink.frame)
                grid.fill((width - inset - 1)..<(width - inset), y, Ink.frame)
            }
        }
    }

    /// Head, shirt with sleeves, trousers, shoes; in the middle of what the words leave.
    private static func figure(_ grid: inout Grid) {
        let (top, bottom) = (34, grid.height - 62)
        let tall = bottom - top
        guard tall > 40, grid.width > 60 else { return }
        let unit = min(Double(tall) / 15, Double(grid.width) / 12)
        let centre = grid.width / 2
        let start = top + (tall - Int(15 * unit)) / 2
        let rows = { (from: Double, to: Double) in (start + Int(from * unit))..<(start + Int(to * unit)) }
        grid.shape(centre, rows(14.4, 15), Ink.shadow) { 3.4 * unit * (1 - abs(2 * $0 - 1) * 0.4) }
        grid.shape(centre, rows(0, 2.4), Ink.skin) { 1.05 * unit * (1 - (2 * $0 - 1) * (2 * $0 - 1)).squareRoot() }
        grid.shape(centre, rows(2.2, 3), Ink.skin) { _ in 0.45 * unit }
        for side in [-1.0, 1.0] {
            let arm = centre + Int(side * 2.1 * unit)
            grid.shape(arm, rows(3.2, 7.6), Ink.skin) { _ in 0.4 * unit }
            grid.shape(arm, rows(3.15, 5.6), Ink.top) { min(0.6, 0.45 + $0) * unit }
            let leg = centre + Int(side * 0.85 * unit)
            grid.shape(leg, rows(7.6, 14), Ink.bottom) { (0.85 - 0.2 * $0) * unit }
            grid.shape(leg + Int(side * 0.15 * unit), rows(13.8, 14.7), Ink.shoe) { (0.6 + 0.3 * $0) * unit }
        }
        grid.shape(centre, rows(2.8, 8), Ink.top) { (1.9 - 0.35 * $0) * unit * min(1, 0.55 + 4 * $0) }
    }

    private static func words(_ grid: inout Grid, model: String, size: String, prompt: String) {
        let centre = grid.width / 2
        let columns = (grid.width - 24) / (Font.width + 1)
        let title = "SIMULATED PICTURE"
        let scale = columns >= 2 * title.count ? 2 : 1
        grid.write(title, centre: centre, y: 13, scale: scale, Ink.dark)
        let lines = ["\(model)  \(size)"] + wrapped(prompt, columns: columns, lines: 3)
        for (index, line) in lines.enumerated() {
            let y = grid.height - 54 + 11 * index
            grid.write(String(line.prefix(columns)), centre: centre, y: y, scale: 1, Ink.dark)
        }
    }

    /// Whole words in lines; what does not fit ends in dots.
    private static func wrapped(_ text: String, columns: Int, lines: Int) -> [String] {
        var made: [String] = []
        for word in text.split(whereSeparator: \.isWhitespace) {
            if let last = made.last, last.count + 1 + word.count <= columns {
                made[made.count - 1] = last + " " + word
            } else if made.count == lines {
                made[lines - 1] = String(made[lines - 1].prefix(max(0, columns - 3))) + "..."
                return made
            } else {
                made.append(String(word))
            }
        }
        return made
    }

    // MARK: Colours and pixels

    private static func palette(_ tint: Int) -> [(UInt8, UInt8, UInt8)] {
        let hue = Double(tint) / Double(tints)
        let ground = (0..<shades).map { colour(hue, 0.10 + 0.012 * Double($0), 0.97 - 0.012 * Double($0)) }
        return ground + [
            colour(hue, 0.35, 0.25), (222, 184, 158), colour(hue + 0.5, 0.45, 0.72), colour(hue + 0.58, 0.40, 0.38),
            (74, 62, 58), colour(hue, 0.22, 0.78), colour(hue, 0.25, 0.74),
        ]
    }

    /// From hue (in turns), saturation and value.
    private static func colour(_ hue: Double, _ saturation: Double, _ value: Double) -> (UInt8, UInt8, UInt8) {
        let channel = { (shift: Double) -> UInt8 in
            let turn = (shift + hue * 6).truncatingRemainder(dividingBy: 6)
            return UInt8((value - value * saturation * max(0, min(turn, 4 - turn, 1))) * 255)
        }
        return (channel(5), channel(3), channel(1))
    }

    /// The grid scaled up; rows and columns that are left over at the ends repeat the last one.
    private static func bands(_ grid: Grid, _ scale: Int, _ size: PictureSize) -> [Band] {
        var bands: [Band] = []
        for (y, row) in grid.rows.enumerated() {
            let rows = y == grid.height - 1 ? size.height - y * scale : scale
            let runs = runs(row, scale, size.width)
            if let last = bands.last, last.runs == runs {
                bands[bands.count - 1] = Band(rows: last.rows + rows, runs: runs)
            } else {
                bands.append(Band(rows: rows, runs: runs))
            }
        }
        return bands
    }

    private static func runs(_ row: [UInt8], _ scale: Int, _ width: Int) -> [Run] {
        var runs: [Run] = []
        var start = 0
        for x in 1...row.count where x == row.count || row[x] != row[start] {
            let end = x == row.count ? width : x * scale
            runs.append(Run(count: end - start * scale, colour: row[start]))
            start = x
        }
        return runs
    }
}
