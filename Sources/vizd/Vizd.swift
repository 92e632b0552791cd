internal import ArgumentParser

@main
struct Vizd: ParsableCommand {
    func run() throws { print(ConfigurationTemplate.text, terminator: "") }
}
