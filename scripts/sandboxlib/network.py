"""The switch between the hosts: cables, cuts and loss."""
from .kernel import SandboxError, is_alive, run
from .layout import NETWORKS, Layout


class Network(Layout):
    """Both networks end in one namespace of their own, so that faults need nobody's help on a host."""

    def make_switch(self):
        switch = self.namespace("switch")
        run(["ip", "netns", "add", switch])
        lines = ["link set lo up"]
        for network in NETWORKS:
            lines.append(f"link add br-{network} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
            lines.append(f"link set br-{network} up")
        run(["ip", "-n", switch, "-batch", "-"], "\n".join(lines))
        self.apply_rules()

    def apply_rules(self):
        """The switch's forwarding rules, replaced in one transaction."""
        lines = ["table bridge sandbox", "delete table bridge sandbox", "table bridge sandbox {", "chain forward {",
                 "type filter hook forward priority 0;"]
        for rule in self.state["rules"]:
            for network in [rule["network"]] if rule["network"] else NETWORKS:
                chance = "" if rule["percent"] >= 100 else f"numgen random mod 100 < {rule['percent']} "
                lines.append(f'iifname "{rule["from"]}-{network}" oifname "{rule["to"]}-{network}" '
                             f'{chance}counter drop')
        lines += ["}", "}", ""]
        run(["ip", "netns", "exec", self.namespace("switch"), "nft", "-f", "-"], "\n".join(lines))

    def add_rule(self, source, target, percent, network=None):
        """Frames from source to target are dropped with this chance; 0 takes the rule away, 100 is a cut."""
        for name in (source, target):
            self.host(name)
        if network is not None and network not in NETWORKS:
            raise SandboxError(f"there is no network {network}: networks are {', '.join(NETWORKS)}")
        if not 0 <= percent <= 100:
            raise SandboxError(f"{percent} is not a percentage: 0 to 100")
        same = lambda rule: (rule["from"], rule["to"], rule["network"]) == (source, target, network)
        self.state["rules"] = [rule for rule in self.state["rules"] if not same(rule)]
        if percent > 0:
            self.state["rules"].append({"from": source, "to": target, "percent": percent, "network": network})

    def cut(self, one, other, network=None):
        self.loss(one, other, 100, network)

    def cut_one_way(self, source, target, network=None):
        self.loss_one_way(source, target, 100, network)

    def loss(self, one, other, percent, network=None):
        self.add_rule(one, other, percent, network)
        self.loss_one_way(other, one, percent, network)

    def loss_one_way(self, source, target, percent, network=None):
        self.add_rule(source, target, percent, network)
        self.apply_rules()
        self.save()

    def dropped(self):
        """Frames that the rules in force have dropped so far."""
        text = run(["ip", "netns", "exec", self.namespace("switch"), "nft", "list", "table", "bridge", "sandbox"])
        return sum(int(words.split()[0]) for words in text.split("counter packets ")[1:])

    def heal(self):
        self.state["rules"] = []
        self.apply_rules()
        for name, network in list(self.state["unplugged"]):
            self.plug(name, network)
        self.save()

    def set_ports(self, name, networks, direction):
        lines = "\n".join(f"link set {name}-{network} {direction}" for network in networks)
        run(["ip", "-n", self.namespace("switch"), "-batch", "-"], lines)

    def unplug(self, name, network=None):
        """The cable out at the switch: the host sees its link go down."""
        networks = [network] if network else self.networks(name)
        if is_alive(self.host(name)["init"]):
            self.set_ports(name, networks, "down")
        self.state["unplugged"] += [[name, one] for one in networks if [name, one] not in self.state["unplugged"]]
        self.save()

    def plug(self, name, network=None):
        networks = [network] if network else self.networks(name)
        if is_alive(self.host(name)["init"]):
            self.set_ports(name, networks, "up")
        self.state["unplugged"] = [pair for pair in self.state["unplugged"]
                                   if not (pair[0] == name and pair[1] in networks)]
        self.save()
