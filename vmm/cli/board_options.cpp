#include "cli/board_options.hpp"

#include "cli/option_list.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

/// What 8 bits of an APIC's identifier can tell apart, 255 being all of them.
constexpr unsigned most_cpus = 254;

kvm::UnknownIo parse_unknown_io(std::string const& text) {
    if (text.empty()) return kvm::UnknownIo::by_kind;
    if (text == "ignore") return kvm::UnknownIo::ignore;
    if (text == "warn") return kvm::UnknownIo::warn;
    if (text == "stop") return kvm::UnknownIo::stop;
    throw UsageError{fmt::format("--unknown-io: '{}' is none of ignore, warn and stop", text)};
}

} // namespace

void BoardOptionTexts::add_to(OptionList command) {
    command
        .add_option(
            "--devices", devices,
            "Under KVM, what the guest's machine has: a UART that is polled (bare), or also "
            "interrupt controllers, timer, the UART's interrupt, clock, fw_cfg, debug exits "
            "and virtio (pc) [bare; with --cpus or --disk: pc]")
        ->type_name("bare|pc");
    command
        .add_option("--cpus", cpus,
                    "Under KVM, how many processors the guest has; it wakes the others through its "
                    "local APIC [1]")
        ->type_name("N");
    command
        .add_option("--unknown-io", unknown_io,
                    "Under KVM, what comes of ports and addresses where there is no device: reads "
                    "give all ones and writes are dropped (ignore), the same and the report names "
                    "them (warn), or the guest stops (stop) [ports: ignore; addresses: stop]")
        ->type_name("ignore|warn|stop");
}

void BoardOptionTexts::add_disk_to(OptionList command) {
    auto* const file =
        command
            .add_option("--disk", disk,
                        "Under KVM, a file that the guest has as its virtio disk; --devices pc "
                        "comes with it")
            ->type_name("FILE");
    command.add_flag("--disk-read-only", disk_read_only, "The guest cannot write to its disk")
        ->needs(file);
}

kvm::BoardOptions BoardOptionTexts::options() const {
    if (!devices.empty() && devices != "bare" && devices != "pc")
        throw UsageError{fmt::format("--devices: '{}' is neither bare nor pc", devices)};
    if (cpus == 0 || cpus > most_cpus)
        throw UsageError{fmt::format("--cpus: {} is not from 1 to {}", cpus, most_cpus)};
    if (cpus > 1 && devices == "bare")
        throw UsageError{"--cpus: several processors need --devices pc, for they are woken through "
                         "its local APICs"};
    if (!disk.empty() && devices == "bare") throw UsageError{"--disk: a disk needs --devices pc"};
    return {.pc = devices == "pc" || cpus > 1 || !disk.empty() ||
                  (devices.empty() && for_a_pc_kernel),
            .processors = cpus,
            .unknown = parse_unknown_io(unknown_io),
            .disk = {.file = disk, .read_only = disk_read_only}};
}

void BoardOptionTexts::check_not_given() const {
    if (!devices.empty() || cpus != 1 || !unknown_io.empty() || !disk.empty())
        throw UsageError{"--devices, --cpus, --unknown-io and --disk need --engine kvm"};
}

} // namespace twofold::vmm
