#include "engine/bochs_configuration.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// The lowest that Bochs takes. It paces the serial ports: fewer instructions a second are fewer
/// instructions that a machine waits for each byte.
constexpr unsigned instructions_per_second = 1'000'000;
/// Bochs 2.7 keeps at most this much of the machine's memory in its own; the rest goes to a
/// nameless temporary file.
constexpr std::uint64_t largest_host_memory_mebibytes = 2048;

std::string swap_line(BochsMachine const& machine) {
    if (machine.swap_disk.empty()) return {};
    return fmt::format("ata0-slave: type=disk, path={}, mode=flat\n", machine.swap_disk);
}

} // namespace

std::string bochs_configuration(BochsMachine const& machine) {
    std::uint64_t const mebibytes = machine.memory_bytes >> 20;
    // clock: a fixed start and no tie to the outside make two runs equal to the tick.
    // display_library: the one that needs no display; it waits for nobody.
    // error: a line for each EPT violation would slow everything down.
    return fmt::format(R"(config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={cpu}, count=1, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={host}
romimage: file={bios}, options=fastboot
vgaromimage: file={vga}
clock: sync=none, time0=1000000000
com1: enabled=1, mode=file, dev={console}
com2: enabled=1, mode=file, dev={report}
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
magic_break: enabled={magic}
ata0-master: type=disk, path={disk}, mode=flat
{swap}boot: disk
)",
                       fmt::arg("cpu", machine.cpu_model), fmt::arg("ips", instructions_per_second),
                       fmt::arg("memory", mebibytes),
                       fmt::arg("host", std::min(mebibytes, largest_host_memory_mebibytes)),
                       fmt::arg("bios", machine.bios), fmt::arg("vga", machine.vga_bios),
                       fmt::arg("console", machine.console), fmt::arg("report", machine.report),
                       fmt::arg("log", machine.log), fmt::arg("magic", machine.magic_break ? 1 : 0),
                       fmt::arg("disk", machine.disk), fmt::arg("swap", swap_line(machine)));
}

std::string bochs_debugger_commands(unsigned windows) {
    std::string commands;
    for (unsigned window = 0; window < windows; ++window)
        commands += "c\ntrace-mem on\ntrace on\nc\ntrace off\ntrace-mem off\n";
    return commands + "c\nq\n";
}

std::string bochs_trace_commands(std::uint64_t entry) {
    return fmt::format("lb {:#x}\nc\nbpd 1\ntrace-mem on\ntrace on\nc\nq\n", entry);
}

} // namespace twofold::vmm
