#include "cli/boot_options.hpp"

#include "cli/option_list.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <twofold/load/load_error_text.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t largest_module = std::uint64_t{1} << 32;

constexpr std::array<BootProtocol, 5> boot_protocols{BootProtocol::family, BootProtocol::multiboot,
                                                     BootProtocol::pvh, BootProtocol::linux_kernel,
                                                     BootProtocol::raw};

/// The protocol that the file tells by itself.
BootProtocol protocol_of(std::span<std::byte const> file) {
    auto const found = detect_boot_protocol(file);
    if (found) return *found;
    // What is no kernel at all is refused by the family's loader, which knows what kind of ELF file
    // would be right.
    if (found.error().kind == LoadErrorKind::not_a_kernel) return BootProtocol::family;
    std::string text;
    auto const sink = [&text](std::string_view piece) { text += piece; };
    describe(found.error(), sink);
    throw Failure{text};
}

ModuleFile read_module(std::string const& file, std::string_view arguments) {
    return {.contents = read_file(file, largest_module),
            .command_line = std::filesystem::path{file}.filename().string() +
                            (arguments.empty() ? "" : " ") + std::string{arguments}};
}

Gpa parse_address(std::string const& text) {
    bool const hexadecimal = text.starts_with("0x");
    std::string_view const digits = std::string_view{text}.substr(hexadecimal ? 2 : 0);
    std::uint64_t address = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address,
                                              hexadecimal ? 16 : 10);
    if (error != std::errc{} || end != digits.data() + digits.size())
        throw UsageError{
            fmt::format("--load-at: '{}' is not an address; write it as 0x7c00 or 31744", text)};
    return Gpa{address};
}

} // namespace

void BootOptionTexts::add_to(OptionList command) {
    command
        .add_option("--boot", protocol,
                    "Under KVM, the boot protocol of a kernel that is not of the family: what its "
                    "file tells (auto), or this one; a raw image must be asked for. Arguments "
                    "behind -- are its command line; --devices pc comes with it [auto]")
        ->type_name("auto|twofold|multiboot|pvh|linux|raw");
    command
        .add_option("--module", modules,
                    "A file that a Multiboot or PVH kernel finds in its memory, and its arguments. "
                    "Can be given more than once")
        ->type_name("'FILE ARGS'")
        ->allow_extra_args(false);
    command
        .add_option("--initrd", initrd,
                    "The file that a Linux kernel finds as its first file system")
        ->type_name("FILE");
    command
        .add_option("--load-at", load_at,
                    "With --boot raw: where the image goes, and is entered [0x7c00]")
        ->type_name("ADDRESS");
    command
        .add_option("--mode", mode,
                    "With --boot raw: the processor's mode at its entry; in long mode the first "
                    "4 GiB are mapped to themselves [real]")
        ->type_name("real|protected|long");
}

std::optional<BootProtocol> BootOptionTexts::wanted() const {
    if (protocol == "auto") return std::nullopt;
    auto const* const found = std::ranges::find(boot_protocols, protocol, name_of);
    if (found == boot_protocols.end())
        throw UsageError{fmt::format("--boot: '{}' is none of auto, twofold, multiboot, pvh, linux "
                                     "and raw",
                                     protocol)};
    return *found;
}

RawPlace BootOptionTexts::place() const {
    RawPlace place{.address = load_at.empty() ? Gpa{0x7c00} : parse_address(load_at)};
    if (mode == "protected")
        place.mode = ProcessorMode::protected_32;
    else if (mode == "long")
        place.mode = ProcessorMode::long_64;
    else if (!mode.empty() && mode != "real")
        throw UsageError{fmt::format("--mode: '{}' is none of real, protected and long", mode)};
    return place;
}

std::vector<ModuleFile> BootOptionTexts::read_modules(BootProtocol chosen) const {
    using enum BootProtocol;
    if (!modules.empty() && chosen != multiboot && chosen != pvh)
        throw UsageError{fmt::format("--module: kernels of the protocol {} have no modules{}",
                                     name_of(chosen),
                                     chosen == linux_kernel ? "; Linux takes an --initrd" : "")};
    if (!initrd.empty() && chosen != linux_kernel)
        throw UsageError{
            fmt::format("--initrd is for Linux; a kernel of the protocol {} {}", name_of(chosen),
                        chosen == multiboot || chosen == pvh ? "takes --module" : "takes none")};
    std::vector<ModuleFile> read;
    if (!initrd.empty()) read.push_back(read_module(initrd, {}));
    for (std::string const& text : modules) {
        auto const space = std::min(text.find(' '), text.size());
        if (space == 0) throw UsageError{"--module: the name of a file is missing"};
        read.push_back(read_module(text.substr(0, space), std::string_view{text}.substr(
                                                              std::min(space + 1, text.size()))));
    }
    return read;
}

std::optional<BootPlan> BootOptionTexts::plan(std::span<std::byte const> file) const {
    auto const asked = wanted();
    BootProtocol const chosen = asked ? *asked : protocol_of(file);
    if (chosen != BootProtocol::raw && (!load_at.empty() || !mode.empty()))
        throw UsageError{"--load-at and --mode are for raw images: --boot raw"};
    BootPlan plan{.protocol = chosen, .place = place(), .modules = read_modules(chosen)};
    if (chosen == BootProtocol::family) return std::nullopt;
    return plan;
}

} // namespace twofold::vmm
