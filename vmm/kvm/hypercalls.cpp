#include "kvm/hypercalls.hpp"

#include "kvm/guest_view.hpp"

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
    auto const result = GuestView{special, ram_}.walk(
        gva, *slot_, [&](Reference const& reference) { references.push_back(reference); });
    outbox_.put_report(walk_record(gva, references, result));
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
    outbox_.put_report(figure_record(name, registers.rcx));
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
    outbox_.put_console({text.data(), length});
    return 0;
}

std::optional<Stop> Hypercalls::answer() {
    auto registers = processor_.registers();
    switch (static_cast<abi::Hypercall>(registers.rax)) {
    case abi::Hypercall::nothing: registers.rax = 0; break;
    case abi::Hypercall::exit:
        return Stop{"exit", static_cast<std::uint8_t>(std::min<std::uint64_t>(registers.rdi, 255)),
                    ""};
    case abi::Hypercall::walk: registers.rax = walk(Gva{registers.rdi}); break;
    case abi::Hypercall::figure: registers.rax = take_figure(registers); break;
    case abi::Hypercall::console: registers.rax = write_console(registers); break;
    default: registers.rax = error_code(abi::HypercallError::unknown_number); break;
    }
    processor_.set_registers(registers);
    return std::nullopt;
}

} // namespace twofold::vmm::kvm
