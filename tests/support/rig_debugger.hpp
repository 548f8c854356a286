// A debugger in the rig, where there is no gdb: packets that are sent at their time, and what must
// come back. Breakpoints become INT3 and data is watched only where a processor runs the guest.
#pragma once

#include "debug/gdb_packet.hpp"
#include "support/elf_file.hpp"
#include "tests/catch.hpp"

#include <twofold/abi/launch_info.hpp>

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace twofold::test {

struct Exchange {
    std::string packet;
    std::string answer;
};

/// Of the guest below.
inline std::vector<Exchange> const debugger_exchanges{
    // All four debug registers are taken: the next breakpoint is an INT3, which is not seen.
    {"Z1,400100,1", "OK"},
    {"Z1,400101,1", "OK"},
    {"Z1,400102,1", "OK"},
    {"Z1,400103,1", "OK"},
    {"Z0,400003,1", "OK"},
    {"m400003,2", "ffc0"},
    {"c", "T05thread:1;swbreak:;"},
    {"p10", "0300400000000000"},
    {"z0,400003,1", "OK"},
    {"z1,400100,1", "OK"},
    {"z1,400101,1", "OK"},
    {"Z2,500000,4", "OK"},
    {"Z4,500008,4", "OK"},
    // Behind the instruction.
    {"c", "T05thread:1;watch:500000;"},
    {"p10", "0c00400000000000"},
    {"c", "T05thread:1;awatch:500008;"},
    {"p10", "1300400000000000"},
    // While INT3s of the debugger are about, the guest's own are told, and then delivered: it has
    // nobody who takes it.
    {"Z0,400001,1", "OK"},
    {"c", "T05thread:1;"},
    {"p10", "1400400000000000"},
    {"c", "T0bthread:1;"},
    {"k", ""},
};

/// nop; inc eax; inc eax; mov [0x500000], eax; mov ebx, [0x500008]; nop; int3
inline std::string rig_debugger_commands() {
    constexpr unsigned char code[] = {0x90, 0xff, 0xc0, 0xff, 0xc0, 0x89, 0x04,
                                      0x25, 0,    0,    0x50, 0,    0x8b, 0x1c,
                                      0x25, 8,    0,    0x50, 0,    0x90, 0xcc};
    std::vector<std::byte> bytes;
    for (auto const byte : code)
        bytes.push_back(std::byte{byte});
    std::string text = "printf '";
    for (auto const byte : ElfFile{{{abi::guest_link_address, bytes, bytes.size()}}}.bytes())
        text += fmt::format("\\x{:02x}", std::to_integer<unsigned>(byte));
    text +=
        "' > /tmp/debugged\n"
        "busybox ifconfig lo 127.0.0.1\n"
        "twofold run /tmp/debugged --engine kvm --memory 8M --gdb 1234 --quiet 2> /tmp/waits &\n"
        "until grep -q waiting /tmp/waits; do sleep 0.1; done\n"
        "talk() {\n";
    // The first of them is no exchange: its answer is long. What comes while the guest runs is
    // passed over.
    std::string waiting = vmm::frame_gdb_packet("qSupported:swbreak+;hwbreak+");
    for (auto const& [packet, answer] : debugger_exchanges) {
        waiting += vmm::frame_gdb_packet(packet);
        if (packet != "c" && packet != "k") continue;
        text += fmt::format("printf '{}'; sleep 0.5\n", std::exchange(waiting, {}));
    }
    return text +
           "}\ndebugger() { talk | busybox nc 127.0.0.1 1234; }\npart debugger debugger\nwait\n";
}

/// `out`: all that came back.
inline void check_rig_debugger(std::string const& out) {
    INFO(out);
    std::vector<std::string> answers;
    vmm::GdbPacketReader reader{[&](vmm::GdbPacketReader::Event event, std::string const& payload) {
        if (event == vmm::GdbPacketReader::Event::packet) answers.push_back(payload);
    }};
    reader.feed(out);
    std::vector<std::string> expected;
    for (auto const& [packet, answer] : debugger_exchanges)
        if (!answer.empty()) expected.push_back(answer);
    REQUIRE_FALSE(answers.empty());
    answers.erase(answers.begin()); // of qSupported
    CHECK(answers == expected);
}

} // namespace twofold::test
