#include "kvm/hypercalls.hpp"

#include "kvm/guest_view.hpp"
#include "kvm/processor_state.hpp"

#include <twofold/abi/hypercall.hpp>

#include <algorithm>
#include <array>

namespace twofold::vmm::kvm {

namespace {

constexpr std::uint64_t longest_figure_name = 64;

constexpr std::uint64_t error_code(abi::HypercallError error) {
    return static_cast<std::uint64_t>(error);
}

bool is_figure_name(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    });
}

} // namespace

std::uint64_t Hypercalls::walk(Gva gva) {
    if (!slot_) slot_ = std::make_unique<SlotTables>(ram_);
    auto const special = processor_.special_registers();
    std::vector<Reference> references;
    GuestView const view{special, ram_};
    auto const result = view.walk(
        gva, *slot_, [&](Reference const& reference) { references.push_back(reference); });
    services_.report(walk_record(services_.number, gva, view.mode(), references, result));
    return references.size();
}

std::uint64_t Hypercalls::take_figure(kvm_regs const& registers) {
    std::uint64_t const length = registers.rsi;
    if (length == 0 || length > longest_figure_name)
        return error_code(abi::HypercallError::bad_argument);
    std::array<char, longest_figure_name> text{};
    auto const special = processor_.special_registers();
    bool const read = GuestView{special, ram_}.read(
        Gva{registers.rdi}, std::as_writable_bytes(std::span{text}).first(length));
    std::string_view const name{text.data(), length};
    if (!read || !is_figure_name(name)) return error_code(abi::HypercallError::bad_argument);
    services_.report(figure_record(services_.number, name, registers.rcx));
    return 0;
}

std::uint64_t Hypercalls::write_console(kvm_regs const& registers) {
    std::uint64_t const length = registers.rsi;
    if (length == 0 || length > abi::most_console_bytes)
        return error_code(abi::HypercallError::bad_argument);
    std::array<char, abi::most_console_bytes> text;
    auto const special = processor_.special_registers();
    bool const read = GuestView{special, ram_}.read(
        Gva{registers.rdi}, std::as_writable_bytes(std::span{text}.first(length)));
    if (!read) return error_code(abi::HypercallError::bad_argument);
    services_.console({text.data(), length});
    return 0;
}

std::uint64_t Hypercalls::release(Gpa first, std::uint64_t pages) {
    bool const whole = first.value() % page_4k.bytes() == 0;
    if (!whole || pages == 0 || pages > abi::most_released_pages)
        return error_code(abi::HypercallError::bad_argument);
    if (!services_.may_release) return error_code(abi::HypercallError::not_allowed);
    auto const held = services_.release(first, pages);
    return held ? *held : error_code(abi::HypercallError::bad_argument);
}

/// The clone goes on behind the call, so the processor must be there as well.
std::uint64_t Hypercalls::clone() {
    complete_exit(processor_);
    auto registers = processor_.registers();
    registers.rax = 0;
    processor_.set_registers(registers);
    auto const made = services_.clone();
    return made ? *made : error_code(made.error());
}

std::optional<Stop> Hypercalls::answer() {
    auto registers = processor_.registers();
    switch (static_cast<abi::Hypercall>(registers.rax)) {
    case abi::Hypercall::nothing:
    case abi::Hypercall::yield: registers.rax = 0; break;
    case abi::Hypercall::exit:
        return Stop{"exit", static_cast<std::uint8_t>(std::min<std::uint64_t>(registers.rdi, 255)),
                    ""};
    case abi::Hypercall::walk: registers.rax = walk(Gva{registers.rdi}); break;
    case abi::Hypercall::figure: registers.rax = take_figure(registers); break;
    case abi::Hypercall::console: registers.rax = write_console(registers); break;
    case abi::Hypercall::number: registers.rax = services_.number; break;
    case abi::Hypercall::release: registers.rax = release(Gpa{registers.rdi}, registers.rsi); break;
    case abi::Hypercall::clone: {
        std::uint64_t const result = clone();
        registers = processor_.registers(); // behind the call
        registers.rax = result;
        break;
    }
    case abi::Hypercall::log_dirty:
    case abi::Hypercall::collect_dirty:
    case abi::Hypercall::merge:
    case abi::Hypercall::working_set:
    case abi::Hypercall::leaves:
    case abi::Hypercall::resize_pages:
        registers.rax = services_.on_memory(static_cast<abi::Hypercall>(registers.rax), registers,
                                            processor_.special_registers());
        break;
    default: registers.rax = error_code(abi::HypercallError::unknown_number); break;
    }
    processor_.set_registers(registers);
    return std::nullopt;
}

} // namespace twofold::vmm::kvm
