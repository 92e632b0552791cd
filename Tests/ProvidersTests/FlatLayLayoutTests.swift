// The flat lay's layout, held against what makes a sheet good: nothing outside, nothing overlaps, aspects and the
// body's order are kept, sizes are natural, and the sheet is used.

import Testing

@testable import Providers

private typealias Garment = FlatLayLayout.Garment

private let rack: [(name: String, category: String)] = [
    ("Black crew-neck T-shirt", "tops"), ("Printed summer shorts", "bottoms"), ("Brown hiking boots", "shoes"),
    ("Navy fedora", "accessories"), ("Green bow tie", "accessories"), ("Gold link chain", "accessories"),
    ("Wool mittens", "accessories"), ("Leather belt", "accessories"), ("Tote bag", "accessories"),
    ("Grey socks", "accessories"), ("Camel coat", "outerwear"), ("Silk scarf", "accessories"),
    ("Round glasses", "accessories"), ("Summer dress", "dresses"), ("Something", "whatever"),
]

private func wardrobe(_ count: Int, seed: UInt64, wild: Bool = false) -> [Garment] {
    var dice = Dice(seed)
    return (0..<count).map { _ in
        let thing = rack[dice.roll(rack.count)]
        let aspect = wild ? [0.001, 0.1, 9, 500][dice.roll(4)] : 0.4 + Double(dice.roll(180)) / 100
        return Garment(name: thing.name, category: thing.category, aspect: aspect)
    }
}

private func overlaps(_ a: PixelBox, _ b: PixelBox) -> Bool {
    a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height
}

private func area(_ placement: PixelBox) -> Double {
    Double(placement.width * placement.height)
}

@Suite("The flat lay's layout")
struct FlatLayLayoutTests {
    @Test("every piece lies inside the sheet and touches no other, whatever and however many they are")
    func insideAndApart() {
        for count in Array(1...12) + [17, 25, 40] {
            for (seed, wild) in [(1, false), (2, false), (3, true)] {
                let garments = wardrobe(count, seed: UInt64(count * 7 + seed), wild: wild)
                let places = FlatLayLayout(garments).placements
                #expect(places.count == count)
                for place in places {
                    #expect(place.left >= 0 && place.top >= 0 && place.width >= 1 && place.height >= 1)
                    #expect(place.left + place.width <= 1080 && place.top + place.height <= 1440)
                }
                for a in places.indices {
                    let touching = places.indices.filter { $0 > a && overlaps(places[a], places[$0]) }
                    #expect(touching.isEmpty, "\(count) pieces, seed \(seed): \(a) lies on \(touching)")
                }
            }
        }
    }

    @Test("every piece keeps the aspect of its photo, to the pixel")
    func aspectKept() {
        for count in [1, 2, 3, 5, 8, 12, 20] {
            let garments = wardrobe(count, seed: UInt64(count))
            for (garment, place) in zip(garments, FlatLayLayout(garments).placements) {
                #expect(abs(Double(place.width) - Double(place.height) * garment.aspect) <= 1 + garment.aspect)
            }
        }
    }

    @Test("what is worn higher lies higher, or beside it")
    func headToFeet() {
        for count in [2, 3, 4, 5, 6, 8, 10, 12, 16, 24] {
            let garments = wardrobe(count, seed: UInt64(count + 100))
            let zones = garments.map { GarmentKind(name: $0.name, category: $0.category).zone }
            let centres = FlatLayLayout(garments).placements.map { 2 * $0.top + $0.height }
            for a in zones.indices {
                for b in zones.indices {
                    guard let upper = zones[a], let lower = zones[b], upper < lower else { continue }
                    #expect(centres[a] <= centres[b] + 4, "\(garments[a].name) below \(garments[b].name) of \(count)")
                }
            }
        }
    }

    @Test("a whole outfit stands in the order hat, top, bottoms, shoes from head to feet")
    func outfitOrder() {
        let garments = [
            Garment(name: "Sneakers", category: "shoes", aspect: 2),
            Garment(name: "Jeans", category: "bottoms", aspect: 0.5),
            Garment(name: "Shirt", category: "tops", aspect: 0.8),
            Garment(name: "Beanie", category: "accessories", aspect: 1.2),
        ]
        let centres = FlatLayLayout(garments).placements.map { 2 * $0.top + $0.height }
        #expect(centres[3] < centres[2] && centres[2] < centres[1] && centres[1] <= centres[0])
    }

    @Test("a top is much larger than a bow tie, whatever the photos' sizes were")
    func naturalSizes() {
        for count in [2, 5, 8, 12] {
            var garments = wardrobe(count - 2, seed: UInt64(count))
            garments.append(Garment(name: "Shirt", category: "tops", aspect: 0.9))
            garments.append(Garment(name: "Green bow tie", category: "accessories", aspect: 2))
            let places = FlatLayLayout(garments).placements
            #expect(area(places[count - 2]) > 3 * area(places[count - 1]))
        }
    }

    @Test("the sheet is used, and leans to neither side")
    func usedAndBalanced() {
        for count in [1, 2, 3, 5, 8, 12, 24] {
            for seed in 1...3 {
                let places = FlatLayLayout(wardrobe(count, seed: UInt64(seed * 31 + count))).placements
                let total = places.reduce(0) { $0 + area($1) }
                let middle = places.reduce(0) { $0 + area($1) * (Double($1.left) + Double($1.width) / 2) } / total
                #expect(total / (1080 * 1440) > (count == 1 ? 0.15 : 0.22), "\(count) pieces, seed \(seed)")
                #expect(abs(middle / 1080 - 0.5) < 0.13, "\(count) pieces, seed \(seed)")
            }
        }
    }

    @Test("a single piece lies in the middle of the sheet")
    func oneInTheMiddle() {
        let place = FlatLayLayout([Garment(name: "Tee", category: "tops", aspect: 1)]).placements[0]
        #expect(abs(2 * place.left + place.width - 1080) <= 1)
        #expect(abs(2 * place.top + place.height - 1440) <= 1)
        #expect(place.width > 700)
    }

    @Test("the same garments give the same sheet, in the order in which they came")
    func deterministic() {
        let garments = wardrobe(8, seed: 9)
        #expect(FlatLayLayout(garments) == FlatLayLayout(garments))
        #expect(FlatLayLayout([]).placements.isEmpty)
    }

    @Test("other sheets are filled as well: wide, square, small")
    func otherSheets() {
        for (width, height) in [(1920, 1080), (1024, 1024), (320, 480), (1080, 1920)] {
            let places = FlatLayLayout(wardrobe(6, seed: 4), width: width, height: height).placements
            let used = places.reduce(0) { $0 + area($1) } / Double(width * height)
            #expect(used > 0.2)
            #expect(places.allSatisfy { $0.left >= 0 && $0.left + $0.width <= width && $0.top + $0.height <= height })
        }
    }

    @Test(
        "a thing is recognised by its category, and by its name where that is `accessories`",
        arguments: [
            ("Navy fedora", "accessories", GarmentKind.hat), ("Red knitted bobble hat", "accessories", .hat),
            ("Green bow tie", "accessories", .tie), ("Gold link chain", "accessories", .necklace),
            ("Wool mittens", "accessories", .gloves), ("Silk scarves", "Accessories", .scarf),
            ("Leather watch", "accessories", .watch), ("Sunglasses", "accessories", .glasses),
            ("Tote bag", "", .bag), ("Thing", "accessories", .accessory), ("Hat print tee", "tops", .top),
            ("Shirt dress", "", .dress), ("Boots", "SHOES", .shoes), ("Dress shoes", "footwear", .shoes),
        ])
    func recognised(_ name: String, _ category: String, _ kind: GarmentKind) {
        #expect(GarmentKind(name: name, category: category) == kind)
    }
}
