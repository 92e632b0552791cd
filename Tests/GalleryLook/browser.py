"""A headless Chromium, spoken to over a pipe by its DevTools protocol: nothing listens on any port."""

import base64
import json
import os
import select
import subprocess
import time

LIMIT = 60


class Browser:
    """One page. What it asked the network for, said on its console or was refused by its policy is kept."""

    def __init__(self, program, profile):
        ours, theirs = os.pipe(), os.pipe()
        # Chromium reads orders on descriptor 3 and answers on 4; they are duplicated there in the child, from numbers
        # that neither of them is.
        orders, answers = 60, 61
        os.dup2(ours[0], orders)
        os.dup2(theirs[1], answers)
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{orders} 4>&{answers} {orders}<&- {answers}>&-', "browser", program,
             "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             "--force-color-profile=srgb", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}",
             "about:blank"],
            pass_fds=(orders, answers), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for number in (ours[0], theirs[1], orders, answers):
            os.close(number)
        self.orders, self.answers = ours[1], theirs[0]
        self.number, self.rest = 0, b""
        self.requests, self.said, self.dialogs = [], [], []
        self.session = None
        target = self.order("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.order(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()

    def message(self):
        limit = time.monotonic() + LIMIT
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], max(0, limit - time.monotonic()))
            part = os.read(self.answers, 1 << 20) if ready else b""
            if not part:
                raise SystemExit("the browser has ended" if ready else f"the browser said nothing for {LIMIT} s")
            self.rest += part
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def note(self, message):
        method, what = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.said.append(str([argument.get("value") for argument in what["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(what["exceptionDetails"])[:400])
        elif method == "Log.entryAdded":
            self.said.append(what["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(what["message"])

    def order(self, method, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def open(self, path):
        self.order("Page.navigate", url=f"file://{path}")
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script):
        answer = self.order("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, condition):
        limit = time.monotonic() + LIMIT
        while not self.run(condition):
            if time.monotonic() > limit:
                raise SystemExit(f"not within {LIMIT} s: {condition}")
            time.sleep(0.02)

    KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Home": 36,
            "End": 35, "Tab": 9, "Backspace": 8}

    def press(self, *keys):
        for key in keys:
            text = {"Enter": "\r"}.get(key, "" if key in self.KEYS else key)
            code = self.KEYS.get(key, ord(key.upper()[0]))
            common = {"key": key, "windowsVirtualKeyCode": code}
            self.order("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
            self.order("Input.dispatchKeyEvent", type="keyUp", **common)

    def size(self, width, height, mobile=False):
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=2 if mobile else 1, mobile=mobile)

    def media(self, medium="", **features):
        self.order("Emulation.setEmulatedMedia", media=medium,
                   features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def picture(self, path):
        # A transition that is under way would be caught half-way.
        self.run("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null))).then(() => true)")
        # Those further down are not loaded before they are scrolled to.
        self.run("""Promise.all([...document.images].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.height > 0 && box.top < innerHeight && box.bottom > 0;
        }).map((one) => one.decode().catch(() => null))).then(() => true)""")
        data = self.order("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
