// The settings as values: what is read from where, what wins, and what a person is told when something is wrong.
// Nothing here touches the disk except the test of etc/vizd.conf; the loader sees the world that each test draws for
// it.

import Contract
import Linux
import Logging
import Testing

@testable import vizd

/// A made-up machine: variables, files, credentials.
struct World {
    var variables: [String: String] = [:]
    var files: [String: String] = [:]
    var unreadable: [String: String] = [:]
    var capabilities = Capabilities(providers: ["flatlay"], storageTypes: [.local])

    init(_ configuration: String? = nil, _ variables: [String: String] = [:]) {
        if let configuration { files["/etc/vizd/vizd.conf"] = configuration }
        self.variables = variables
    }

    var world: SettingsWorld {
        let (files, unreadable) = (files, unreadable)
        return SettingsWorld(environment: variables, credentialsDirectory: variables["CREDENTIALS_DIRECTORY"]) { path in
            if let why = unreadable[path] { return .unreadable(why) }
            return files[path].map { .contents(Array($0.utf8)) } ?? .absent
        }
    }

    func load(path: String? = nil) -> LoadedSettings {
        SettingsLoader.load(path: path, world: world, capabilities: capabilities)
    }

    func settings() throws -> Settings {
        let loaded = load()
        return try #require(loaded.settings, "\(loaded.problems)")
    }

    func problems() -> [String] { load().problems.map(\.description) }
}

@Suite("Settings, where values come from")
struct SettingsSourcesTests {
    @Test("without a file and without variables the defaults are in force")
    func defaults() throws {
        let settings = try World().settings()
        #expect(settings.spool.directory == "/var/spool/vizd")
        #expect(settings.spool.settle == .seconds(2))
        #expect(settings.spool.rescan == .seconds(60))
        #expect(settings.spool.minFree == 64 << 20)
        #expect(settings.spool.reserve == 16 << 20)
        #expect(settings.state.directory == "/var/lib/vizd")
        #expect(settings.wardrobe.root == "wardrobe_photos")
        #expect(settings.storage.type == .local && settings.wardrobeType == .local)
        #expect(settings.provider == "flatlay")
        #expect(settings.runway.model == "gen4_image")
        #expect(settings.runway.ratio == Ratio("1080:1440"))
        #expect(settings.runway.resubmitAfter == .seconds(120))
        #expect(settings.limits.inFlight == 64 && settings.limits.perUser == 16)
        #expect(settings.limits.requestBytes == 1 << 20 && settings.limits.imageBytes == 50 << 20)
        #expect(settings.limits.imagePixels == 100_000_000 && settings.limits.downloadBytes == 64 << 20)
        #expect(settings.limits.jobDeadline == .seconds(900))
        #expect(settings.poll.initial == nil && settings.budget.monthly == nil && settings.retention.done == nil)
        #expect(settings.http.stall == .seconds(20))
        #expect(settings.log.level == .info && settings.log.format == .text)
    }

    @Test("a key may stand in one line or below its group")
    func bothForms() throws {
        let settings = try World("spool.dir: /a\nspool:\n  settle: 500ms\nlimits:\n  inFlight: 7\n").settings()
        #expect(settings.spool.directory == "/a")
        #expect(settings.spool.settle == .milliseconds(500))
        #expect(settings.limits.inFlight == 7)
    }

    @Test("an empty file, one of comments, and a group without anything below it set nothing")
    func emptyFiles() throws {
        for text in ["", "\n\n", "# only words\n", "spool:\n", "---\n", "null\n"] {
            #expect(try World(text).settings() == World().settings(), "\(text)")
        }
    }

    @Test("the environment wins over the credential, that over the key file, that over vizd.conf")
    func precedence() throws {
        var world = World(
            "runway.apiKey: from-conf\nrunway.apiKeyFile: /keys/runway\n",
            ["RUNWAY_API_KEY": "from-environment", "CREDENTIALS_DIRECTORY": "/run/credentials"])
        world.files["/run/credentials/runway-apiKey"] = "from-credential\n"
        world.files["/keys/runway"] = "  from-key-file\n"
        #expect(try world.settings().runway.apiKey == Secret("from-environment"))
        world.variables["RUNWAY_API_KEY"] = ""
        #expect(try world.settings().runway.apiKey == Secret("from-credential"))
        world.files["/run/credentials/runway-apiKey"] = nil
        #expect(try world.settings().runway.apiKey == Secret("from-key-file"))
        world.files["/etc/vizd/vizd.conf"] = "runway.apiKey: from-conf\n"
        #expect(try world.settings().runway.apiKey == Secret("from-conf"))
    }

    @Test("the variable with the prefix wins over the one without")
    func prefixWins() throws {
        let variables = ["VIZD_RUNWAY_MODEL": "gen4_image_turbo", "RUNWAY_MODEL": "gen4", "RUNWAY_RATIO": "720:960"]
        let settings = try World(nil, variables).settings()
        #expect(settings.runway.model == "gen4_image_turbo")
        #expect(settings.runway.ratio == Ratio("720:960"))
    }

    @Test("every key can be set by its variable with the prefix")
    func everyKeyHasAVariable() {
        let samples: [String: String] = [
            "spool.dir": "/x", "s3.pathStyle": "yes", "wardrobe.allowedHosts": "a.example,b.example",
            "http.allowInsecure": "127.0.0.1:80, [::1]:81", "runway.apiKey": "k", "log.level": "trace",
            "budget.perUserMonthly": "1.5", "limits.queuedPerUser": "9", "http.proxy": "http://u:p@proxy:3128",
        ]
        for (key, value) in samples {
            let variable = "VIZD_" + EnvironmentNames.spelled(key)
            let loaded = World(nil, [variable: value]).load()
            #expect(loaded.problems == [], "\(variable)")
            let effective = loaded.effective.first { $0.key == key }
            #expect(effective?.source == .environment(variable: variable))
        }
    }

    @Test("other programs' words in the environment are not read without the prefix")
    func foreignWords() throws {
        let foreign = [
            "LOG_LEVEL": "bogus", "STATE_DIR": "/x", "HTTP_PROXY": "bogus", "SPOOL_DIR": "/y", "PROVIDER": "z",
        ]
        let loaded = World(nil, foreign).load()
        #expect(loaded.settings == World().load().settings)
        #expect(loaded.notices == [])
    }

    @Test("Amazon's own names of the credentials are read")
    func amazonNames() throws {
        let variables = ["AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "se/cr+et", "AWS_SESSION_TOKEN": "token"]
        let s3 = try World(nil, variables).settings().s3
        #expect(s3.accessKeyID == Secret("id"))
        #expect(s3.secretAccessKey == Secret("se/cr+et"))
        #expect(s3.sessionToken == Secret("token"))
    }

    @Test("--config wins over VIZD_CONFIG, that over the standard file")
    func whichFile() {
        var world = World("log.level: error\n", ["VIZD_CONFIG": "/second"])
        world.files["/first"] = "log.level: trace\n"
        world.files["/second"] = "log.level: debug\n"
        #expect(world.load(path: "/first").settings?.log.level == .trace)
        #expect(world.load().settings?.log.level == .debug)
        world.variables = [:]
        #expect(world.load().settings?.log.level == .error)
    }

    @Test("a file that was named and is not there is a problem, the standard one is not")
    func missingFile() {
        #expect(World().problems() == [])
        #expect(World().load(path: "/nowhere").problems.map(\.source) == [.file(path: "/nowhere", line: nil)])
    }

    @Test("a command that needs one key is not held up by another's mistake")
    func onlySome() {
        var world = World("spool.dir: /s\nlimits.inFlight: many\nrunway.apiKeyFile: /root/key\n")
        world.unreadable["/root/key"] = "Permission denied"
        let loaded = SettingsLoader.load(only: ["spool.dir"], path: nil, world: world.world)
        #expect(loaded.settings?.spool.directory == "/s")
        #expect(world.problems().count == 2)
    }
}

@Suite("Settings, what is refused")
struct SettingsProblemsTests {
    @Test("all problems come at once, each with its place")
    func allAtOnce() {
        let world = World(
            """
            limits:
              inFlight: many
              perUsr: 3
            colour: blue
            log.level: [info]
            spool.settle: 3 weeks
            wardrobe: /srv
            """, ["VIZD_POLL_INTERVAL": "soon"])
        let problems = world.load().problems
        let places = problems.map { "\($0.key ?? "-") \($0.source)" }.sorted()
        #expect(
            places == [
                "colour /etc/vizd/vizd.conf:4", "limits.inFlight /etc/vizd/vizd.conf:2",
                "limits.perUsr /etc/vizd/vizd.conf:3", "log.level /etc/vizd/vizd.conf:5",
                "poll.interval environment variable VIZD_POLL_INTERVAL", "spool.settle /etc/vizd/vizd.conf:6",
                "wardrobe /etc/vizd/vizd.conf:7",
            ])
        #expect(world.load().settings == nil)
    }

    @Test("an unknown key is answered with the nearest known one, a strange one without a guess")
    func nearest() {
        let said = World("limits.perUsr: 3\nlog_levle: info\nzzzzzzzzzzzz: 1\n").problems()
        #expect(said[0].contains("did you mean limits.perUser?"))
        #expect(said[1].contains("did you mean log.level?"))
        #expect(said[2].contains("There is no such setting. "))
    }

    @Test("a key that is set twice is named with both lines")
    func twice() {
        let said = World("spool.dir: /a\nspool:\n  dir: /b\n").problems()
        #expect(said.count == 1)
        #expect(said[0].contains("line 1 already") && said[0].contains("vizd.conf:3"))
        let same = World("spool.dir: /a\nspool.dir: /b\n").problems()
        #expect(same.count == 1 && same[0].contains("spool.dir"))
    }

    @Test("broken YAML is reported with its line and without what stands there")
    func brokenYAML() {
        let said = World("log.level: info\nrunway.apiKey: \"s3cr3t\n").problems()
        #expect(said.count == 1)
        #expect(said[0].contains("vizd.conf:") && !said[0].contains("s3cr3t"))
        #expect(World("- a\n- b\n").problems().count == 1)
        #expect(World("a: b: c\n").problems().count == 1)
    }

    @Test("a bad secret is reported without its value, whatever its source")
    func badSecrets() {
        var world = World("runway.apiKey: s3cr3t one\n")
        #expect(!world.problems().joined().contains("s3cr3t") && world.problems().count == 1)
        world.variables = ["RUNWAY_API_KEY": "s3cr3t two"]
        #expect(!world.problems().joined().contains("s3cr3t"))
        #expect(world.problems().joined().contains("environment variable RUNWAY_API_KEY"))
        world = World("http.proxy: \"http://user:s3cr3t@bad host\"\n")
        #expect(world.problems().count == 1 && !world.problems().joined().contains("s3cr3t"))
    }

    @Test("a secret of several lines, an empty one and one that cannot be read are refused with their file")
    func badKeyFiles() {
        var world = World("runway.apiKeyFile: /key\n")
        #expect(world.problems().joined().contains("key file /key"))
        for content in ["one\ntwo\n", "", " \n"] {
            world.files["/key"] = content
            #expect(world.problems().count == 1 && world.problems()[0].contains("key file /key"), "\(content)")
        }
        world.unreadable["/key"] = "Permission denied"
        #expect(world.problems().joined().contains("Permission denied"))
    }

    @Test("a key file that is not needed, because the environment has the key, is not looked at")
    func keyFileNotNeeded() throws {
        let settings = try World("runway.apiKeyFile: /gone\n", ["RUNWAY_API_KEY": "k"]).settings()
        #expect(settings.runway.apiKey == Secret("k"))
    }

    @Test("values out of range, of another kind or with strange characters are refused")
    func badValues() {
        let bad = [
            "limits.inFlight: 0", "limits.inFlight: -1", "limits.inFlight: 1.5", "limits.inFlight: 0x10",
            "limits.inFlight: 99999999999999999999", "spool.settle: -1", "spool.settle: 2 s", "spool.settle: 1e3",
            "spool.settle: 1d", "spool.minFree: 64mib", "spool.minFree: 1.0001KiB", "spool.dir: ~/spool",
            "spool.dir: \"/a\\nb\"", "runway.ratio: 1080x1440", "runway.ratio: \"0:10\"", "runway.ratio: \"1:2:3\"",
            "s3.pathStyle: maybe", "runway.baseUrl: ftp://x", "runway.baseUrl: https://", "runway.baseUrl: https://u@h",
            "runway.baseUrl: https://h?x", "http.allowInsecure: [localhost]", "http.allowInsecure: [\"h:0\"]",
            "http.allowInsecure: [\"h:99999\"]", "wardrobe.allowedHosts: [https://h]",
            "wardrobe.allowedHosts: [\"-h\"]",
            "budget.monthly: $5", "budget.monthly: 0.0000001", "retention.done: 0", "log.level: verbose",
            "log.format: xml", "storage.type: ftp", "provider: dalle", "exec.command: [[a]]", "log: {level: {a: b}}",
            "runway.onLostResponse: retry", "limits.requestBytes: 10", "exec.command: {a: b}",
        ]
        for line in bad {
            let problems = World(line + "\n").load().problems
            #expect(problems.count == 1, "\(line): \(problems)")
            #expect(problems.first?.sentence.hasSuffix(".") == true, "\(line): \(problems)")
        }
    }

    @Test("values that look strange and are meant are taken")
    func goodValues() {
        let good = [
            "limits.inFlight: \"8\"", "spool.settle: 0", "spool.settle: .5", "spool.settle: 1h", "spool.minFree: 0",
            "spool.minFree: 1.5GiB", "spool.minFree: 2 MB", "runway.ratio: 1920:1080", "s3.pathStyle: yes",
            "runway.baseUrl: http://127.0.0.1:8080/v1/", "http.allowInsecure: 127.0.0.1:1",
            "http.proxy: http://[::1]:3128",
            "wardrobe.allowedHosts: []", "budget.monthly: 0", "budget.perRequest: 0.08", "retention.done: 0.5",
            "provider:", "provider: ~", "provider: ''", "log.level: critical", "exec.command: [/bin/x, --a=b c]",
            "runway.modelDescriptor: a woman of 30, in São Paulo",
        ]
        for line in good { #expect(World(line + "\n").problems() == [], "\(line)") }
    }

    @Test("a provider of a later version is refused by name, its key alone only noticed")
    func laterProviders() {
        let refused = World("provider: runway\nrunway.apiKey: k\n").problems()
        #expect(refused.count == 1)
        #expect(refused[0].contains("not in this version") && refused[0].contains("flatlay"))
        let noticed = World("runway.apiKey: k\n").load()
        #expect(noticed.settings?.provider == "flatlay")
        #expect(noticed.notices.count == 1)
    }

    @Test("a model or a size that Runway does not have is told before anything is ordered")
    func runwayTable() {
        let model = World("runway.model: gen4_imag\n").problems()
        #expect(model.count == 1 && model[0].contains("did you mean gen4_image?") && model[0].contains("muse_image"))
        let ratio = World("runway.ratio: 1081:1440\n").problems()
        #expect(ratio.count == 1 && ratio[0].contains("1081:1440") && ratio[0].contains("1080:1440"))
        let both = World("runway.model: gpt_image_2\nrunway.ratio: 1080:1440\n").problems()
        #expect(both.count == 1 && both[0].contains("gpt_image_2"))
        #expect(World("runway.model: gpt_image_2\n").problems() == [], "a default size is the model's own")
    }

    @Test("a video model or a length of film that Runway does not have is told before anything is ordered")
    func runwayFilms() throws {
        let settings = try World(nil, ["RUNWAY_VIDEO_MODEL": "veo3.1", "VIZD_RUNWAY_VIDEO_DURATION": "8"]).settings()
        #expect(settings.runway.videoModel == "veo3.1" && settings.runway.videoDuration == 8)
        let model = World("runway.videoModel: gen4_turbi\n").problems()
        #expect(model.count == 1 && model[0].contains("did you mean gen4_turbo?") && model[0].contains("veo3.1_fast"))
        let length = World("runway.videoDuration: 11\n").problems()
        #expect(
            length.count == 1 && length[0].contains("2 to 10 seconds") && length[0].contains("runway.videoDuration"))
        let both = World("runway.videoModel: veo3.1\n").problems()
        #expect(both.count == 1 && both[0].contains("4, 6, 8 seconds"))
        #expect(World("runway.videoDuration: soon\n").problems().count == 1)
        #expect(World("runway.videoDuration: 0\n").problems().count == 1)
        #expect(World("runway.videoModel: veo3.1\nrunway.videoDuration: 6\n").problems() == [])
    }

    @Test("an address of Runway without TLS is refused where a key would go there, unless it is allowed by name")
    func runwayWithoutTLS() {
        let plain = "runway.baseUrl: http://Gateway.test:8080/v1\n"
        #expect(World(plain).problems() == [], "without a key nothing is sent")
        let refused = World(plain + "runway.apiKey: k\n").problems()
        #expect(refused.count == 1 && refused[0].contains("gateway.test:8080") && refused[0].contains("without TLS"))
        #expect(World(plain + "runway.apiKey: k\nhttp.allowInsecure: gateway.test:8080\n").problems() == [])
        let standard = World("runway.baseUrl: http://h\nrunway.apiKey: k\nhttp.allowInsecure: h:80\n")
        #expect(standard.problems() == [])
    }

    @Test(
        "each service's model and address are checked as Runway's are, and it is ready with its key",
        arguments: [
            ("fashn", "tryon-mx", "tryon-max", "product-to-model"), ("bfl", "flux-2-prow", "flux-2-pro", "flux-2-flex"),
        ])
    func services(_ id: String, _ wrong: String, _ nearest: String, _ other: String) throws {
        let model = World("\(id).model: \(wrong)\n").problems()
        #expect(model.count == 1 && model[0].contains("did you mean \(nearest)?") && model[0].contains(other))
        let plain = "\(id).baseUrl: http://gateway.test:8080\n"
        #expect(World(plain).problems() == [], "without a key nothing is sent")
        let refused = World(plain + "\(id).apiKey: k\n").problems()
        #expect(refused.count == 1 && refused[0].contains("gateway.test:8080") && refused[0].contains("\(id).baseUrl"))
        #expect(World(plain + "\(id).apiKey: k\nhttp.allowInsecure: gateway.test:8080\n").problems() == [])
        var world = World("provider: \(id)\n")
        world.capabilities = .thisVersion
        #expect(world.problems().count == 1 && world.problems()[0].contains("\(id).apiKey"))
        world.files["/etc/vizd/vizd.conf"] = "provider: \(id)\n\(id).apiKey: k\n\(id).model: \(other)\n"
        #expect(try world.settings().provider == id && world.load().notices.isEmpty)
    }

    @Test("a model of OpenAI whose price nobody knows is refused, and so is its address without TLS")
    func openAI() {
        let model = World("openai.model: gpt-image-3\n").problems()
        #expect(model.count == 1 && model[0].contains("did you mean gpt-image-2?") && model[0].contains("mini"))
        #expect(World("openai.quality: auto\n").problems().count == 1)
        let plain = World("openai.baseUrl: http://gateway.test:81/v1\nopenai.apiKey: k\n").problems()
        #expect(plain.count == 1 && plain[0].contains("gateway.test:81") && plain[0].contains("without TLS"))
        #expect(World("openai.baseUrl: http://gateway.test:81/v1\n").problems() == [])
    }

    @Test("a program is named by its whole path, and can be executed")
    func program() {
        #expect(World("exec.command: [paint]\n").problems().first?.contains("whole path") == true)
        var world = World("exec.command: [/bin/paint, --fast]\n").world
        world.cannotExecute = { $0 == "/bin/paint" ? "Permission denied" : nil }
        let capabilities = Capabilities(providers: ["flatlay", "exec"], storageTypes: [.local])
        let said = SettingsLoader.load(path: nil, world: world, capabilities: capabilities).problems.map(\.description)
        #expect(said.count == 1 && said[0].contains("/bin/paint") && said[0].contains("Permission denied"))
    }

    @Test("a fallback is known, configured, named once, and not the provider itself")
    func fallback() throws {
        var world = World("exec.command: [/bin/x]\nproviders.fallback: [exec]\n")
        world.capabilities = Capabilities(providers: ["runway", "flatlay", "exec"], storageTypes: [.local])
        #expect(try world.settings().fallback == ["exec"])
        world.variables["VIZD_PROVIDERS_FALLBACK"] = "exec,exec,flatlay,runway,bfl"
        let problems = world.problems()
        #expect(problems.count == 4 && problems.allSatisfy { $0.contains("providers.fallback") }, "\(problems)")
        #expect(problems.contains { $0.contains("“exec” is there twice") })
        #expect(problems.contains { $0.contains("“flatlay” is the provider itself") })
        #expect(problems.contains { $0.contains("“runway” needs runway.apiKey") })
        #expect(problems.contains { $0.contains("“bfl” is not in this version") })
        world.variables["VIZD_PROVIDERS_FALLBACK"] = "dalle"
        #expect(world.problems().contains { $0.contains("words out of runway, flatlay") })
    }

    @Test("where runway exists it is the default with a key, and an explicit provider without one is refused")
    func runwayAsDefault() throws {
        var world = World("runway.apiKey: k\n")
        world.capabilities = Capabilities(providers: ["runway", "flatlay", "exec"], storageTypes: [.local])
        #expect(try world.settings().provider == "runway")
        world.files["/etc/vizd/vizd.conf"] = "provider: runway\n"
        #expect(world.problems().count == 1 && world.problems()[0].contains("runway.apiKey"))
        world.files["/etc/vizd/vizd.conf"] = "provider: exec\n"
        #expect(world.problems()[0].contains("exec.command"))
        world.files = [:]
        #expect(try world.settings().provider == "flatlay")
    }

    @Test("storage in S3 is refused in a version without it")
    func laterStorage() {
        let said = World("storage.type: s3\n").problems()
        #expect(said.count == 1 && said[0].contains("not in this version") && said[0].contains("local"))
        #expect(World("wardrobe.type: s3\n").problems().count == 1)
    }

    @Test("storage in S3 needs a bucket that has an address, keys, and TLS unless the host is excepted")
    func bucket() throws {
        let said = { (text: String) -> [String] in
            var world = World(text)
            world.capabilities.storageTypes = [.local, .s3]
            return world.problems()
        }
        let whole = "storage.type: s3\ns3.bucketName: closet\ns3.accessKeyId: id\ns3.secretAccessKey: hunter2\n"
        #expect(said(whole) == [])
        #expect(said("storage.type: s3\n").count == 3 && said("wardrobe.type: s3\n").count == 3)
        #expect(said(whole.replacing("closet", with: "-closet"))[0].contains("makes no address"))
        #expect(said(whole + "s3.region: eu central\n")[0].contains("s3.bucketName"))
        let plain = whole + "s3.endpoint: http://127.0.0.1:9000\n"
        #expect(said(plain).count == 1 && said(plain)[0].contains("without TLS"))
        #expect(said(plain + "http.allowInsecure: [\"127.0.0.1:9000\"]\n") == [])
        #expect(!said(plain).joined().contains("hunter2"))
        let idle = World("s3.bucketName: closet\n").load()
        #expect(idle.notices.count == 1 && idle.notices[0].contains("nothing is kept in the bucket"))
    }

    @Test("a misspelt variable with the prefix is noticed, not refused")
    func strayVariables() {
        let loaded = World(nil, ["VIZD_LOG_LEVLE": "debug", "VIZD_CONFIG": ""]).load()
        #expect(loaded.problems == [])
        #expect(loaded.notices.count == 1 && loaded.notices[0].contains("VIZD_LOG_LEVEL"))
    }

    @Test("what is shown of the settings holds no secret")
    func nothingShown() {
        let world = World("http.proxy: http://u:hunter2@p:1\n", ["RUNWAY_API_KEY": "s3cr3t"])
        let loaded = world.load()
        var all = ""
        dump(loaded, to: &all)
        print(loaded.effective, loaded.settings.map { "\($0.runway)" } ?? "", to: &all)
        #expect(!all.contains("s3cr3t"))
        #expect(loaded.effective.first { $0.key == "http.proxy" }?.display == "http://(secret)@p:1")
        #expect(loaded.effective.first { $0.key == "runway.apiKey" }?.display == "(secret)")
        #expect(loaded.settings?.secrets.contains(Secret("hunter2")) == true)
    }

    @Test("a reload finds what changed and what of it needs a restart")
    func changes() {
        let before = World("spool.dir: /a\nrunway.apiKey: one\n").load()
        let after = World("spool.dir: /b\nrunway.apiKey: two\nlog.level: info\n").load()
        let changed = after.changes(since: before)
        #expect(changed.map(\.key) == ["spool.dir", "runway.apiKey"])
        #expect(changed.map(\.needsRestart) == [true, false])
    }
}

@Suite("Settings, the table and its file")
struct SettingsTableTests {
    @Test("every row reads its own default, and every key has a group or stands alone")
    func rows() {
        for setting in SettingsTable.all {
            var settings = Settings()
            let fallback = setting.fallbackValue
            #expect(fallback.isEmpty || setting.store(fallback, in: &settings), "\(setting.key)")
            #expect(setting.about.hasSuffix("."), "\(setting.key)")
            #expect(
                SettingsTable.groups.contains(String(setting.key.prefix { $0 != "." })) || !setting.key.contains("."))
        }
        #expect(Set(SettingsTable.all.map(\.key)).count == SettingsTable.all.count)
    }

    @Test("every key that users were promised exists")
    func promisedKeys() {
        let promised = """
            spool.dir spool.settle spool.rescan spool.minFree spool.reserve state.dir wardrobe.root wardrobe.type
            wardrobe.allowedHosts storage.type storage.publicBaseUrl s3.bucketName s3.region s3.endpoint s3.pathStyle
            provider providers.fallback
            runway.apiKey runway.apiKeyFile runway.baseUrl runway.model runway.ratio runway.modelDescriptor
            runway.onLostResponse runway.resubmitAfter fashn.apiKey fashn.apiKeyFile fashn.baseUrl fashn.model
            fashn.concurrent openai.apiKey openai.apiKeyFile openai.baseUrl openai.model
            bfl.apiKey bfl.apiKeyFile bfl.baseUrl bfl.model bfl.concurrent
            openai.quality openai.organization openai.project openai.concurrent
            exec.command exec.timeout exec.memory exec.outputBytes exec.concurrent
            poll.initial poll.interval limits.inFlight limits.perUser limits.queuedPerUser
            limits.requestBytes limits.imageBytes limits.imagePixels limits.downloadBytes limits.jobDeadline
            budget.perUserMonthly budget.monthly budget.perRequest budget.recheckAfter
            retention.done retention.failed http.allowInsecure
            http.proxy http.stall log.level log.format metrics.file
            """
        for key in promised.split(whereSeparator: \.isWhitespace) {
            #expect(SettingsTable.setting(String(key)) != nil, "\(key)")
        }
    }

    @Test("every secret can be given as a file")
    func secretFiles() {
        for setting in SettingsTable.all where setting.isSecret {
            #expect(SettingsTable.setting(setting.key + "File") != nil, "\(setting.key)")
        }
    }

    @Test("etc/vizd.conf is the table: every key with its default and unit, and uncommented it means the defaults")
    func shippedFile() throws {
        let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = String(decoding: try Host.readFile("/\(folder)/etc/vizd.conf", limit: 1 << 20), as: UTF8.self)
        #expect(text == ConfigurationTemplate.text, "write it anew: vizd check-config --defaults >etc/vizd.conf")
        let lines = text.split(separator: "\n").map(String.init)
        for setting in SettingsTable.all {
            let at = try #require(lines.firstIndex { $0.hasPrefix("#\(setting.key):") }, "\(setting.key)")
            let words = lines[..<at].reversed().prefix { $0.hasPrefix("# ") }.reversed().joined(separator: " ")
            #expect(words.contains("Default: "), "\(setting.key)")
            #expect(words.replacing(" # ", with: " ").contains(setting.unit), "\(setting.key)")
        }
        let uncommented = lines.map { $0.hasPrefix("#") && !$0.hasPrefix("# ") ? String($0.dropFirst()) : $0 }
        #expect(uncommented.filter { !$0.isEmpty && !$0.hasPrefix("#") }.count == SettingsTable.all.count)
        let loaded = World(uncommented.joined(separator: "\n")).load()
        #expect(loaded.problems == [])
        #expect(loaded.settings == World().load().settings)
    }
}

@Suite("Numbers as people write them")
struct QuantityTests {
    @Test("decimals are exact and nothing else is a number")
    func fixedPoint() {
        #expect(FixedPoint.parse("2.5", decimals: 3) == 2500)
        #expect(FixedPoint.parse("0.08", decimals: 6) == 80_000)
        #expect(FixedPoint.parse("007", decimals: 0) == 7)
        #expect(FixedPoint.parse("9223372036854775807", decimals: 0) == Int.max)
        for text in ["", ".", "1.", "-1", "+1", "1e3", "1,5", " 1", "1_000", "9223372036854775808", "1.23", "１"] {
            #expect(FixedPoint.parse(text, decimals: 1) == nil, "\(text)")
        }
        #expect(FixedPoint.text(2_500_000, decimals: 6) == "2.5" && FixedPoint.text(80_000, decimals: 6) == "0.08")
        #expect(FixedPoint.text(3_000_000, decimals: 6) == "3")
    }

    @Test("times and sizes read back what they write")
    func roundTrips() {
        for text in ["0s", "500ms", "2500ms", "20s", "5m", "1h", "24h"] {
            #expect(TimeSpan.parse(text).map(TimeSpan.text) == text)
        }
        for text in ["0", "1000", "1KiB", "64MiB", "3GiB"] { #expect(ByteSize.parse(text).map(ByteSize.text) == text) }
        #expect(TimeSpan.parse("1.5m") == .seconds(90) && TimeSpan.parse("0.000001") == .microseconds(1))
    }
}

/// The spelling of a key as a variable, by the rule in the documentation; the loader's comes from its library.
enum EnvironmentNames {
    static func spelled(_ key: String) -> String {
        var name = ""
        var last: Character = "_"
        for character in key {
            if character.isUppercase, last.isLowercase { name += "_" }
            name += character == "." ? "_" : character.uppercased()
            last = character
        }
        return name
    }
}
