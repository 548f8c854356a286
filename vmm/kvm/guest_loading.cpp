#include "kvm/guest_loading.hpp"

#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_foreign.hpp>
#include <twofold/load/load_guest.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace twofold::vmm::kvm {

namespace {

std::string words_of(LoadError const& error) {
    std::string text;
    auto const sink = [&text](std::string_view piece) { text += piece; };
    describe(error, sink);
    return text;
}

/// What abi/launch_info.hpp promises.
BootState family_state(GuestLayout const& layout) {
    BootState state = long_state(layout.entry, layout.cr3, 0x08, 0x10);
    state.rdi = layout.launch_info.value();
    return state;
}

template <class Ram>
std::expected<BootState, std::string> load_family(Ram& ram, GuestPlan const& plan) {
    std::string const line =
        fmt::format("{}", fmt::join(plan.arguments, std::string_view{"\0", 1}));
    auto const layout =
        load_guest(plan.elf,
                   {.memory_bytes = plan.memory_bytes,
                    .guest_page = plan.guest_page,
                    .host_page_shift = static_cast<std::uint8_t>(plan.host_page.shift()),
                    .habitat = abi::Habitat::kvm,
                    .command_line = line,
                    .memory_reads_zero = true},
                   ram);
    if (!layout) return std::unexpected(words_of(layout.error().error));
    return family_state(*layout);
}

template <class Ram>
std::expected<BootState, std::string> load_by(BootPlan const& boot, Ram& ram,
                                              GuestPlan const& plan) {
    std::vector<BootModule> modules;
    for (auto const& module : boot.modules)
        modules.push_back({module.contents, module.command_line});
    std::string const line =
        fmt::format("{}", fmt::join(plan.arguments.begin() + 1, plan.arguments.end(), " "));
    auto const state = load_foreign(plan.elf, boot.protocol, boot.place,
                                    {.memory_bytes = plan.memory_bytes,
                                     .name = plan.name(),
                                     .arguments = line,
                                     .modules = modules,
                                     .memory_reads_zero = true},
                                    ram);
    if (!state) return std::unexpected(words_of(state.error().error));
    return *state;
}

} // namespace

std::expected<BootState, std::string> load_into(GuestRam& ram, GuestPlan const& plan) {
    return plan.boot ? load_by(*plan.boot, ram, plan) : load_family(ram, plan);
}

std::expected<BootState, std::string> load_into(ImageRam& ram, GuestPlan const& plan) {
    return plan.boot ? load_by(*plan.boot, ram, plan) : load_family(ram, plan);
}

} // namespace twofold::vmm::kvm
