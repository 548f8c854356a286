#include "kvm/board.hpp"

#include "system/failure.hpp"

#include <string>
#include <utility>

namespace twofold::vmm::kvm {

Board::Board(BoardOptions const& options, GuestRam& ram,
             std::function<void(std::string_view)> console, SetInterruptLine const& set_line)
    : console_(std::move(console)), unknown_(options.unknown, ram.bytes().size()) {
    if (!options.pc) return;
    pc_.emplace(ram.bytes().size(), options.processors);
    virtio_.emplace(ram, options.disk, console_, set_line);
    uart_line_.emplace(set_line, GuestUart::interrupt_line);
}

BoardState Board::state() const {
    if (virtio_ && virtio_->has_disk())
        throw Failure{"a guest with a disk can't be kept: its file would go on without it"};
    return {unknown_.policy(), uart_, pc_,
            virtio_ ? std::optional{virtio_->console()} : std::nullopt};
}

void Board::set_state(BoardState const& state) {
    uart_ = state.uart;
    pc_ = state.pc;
    if (virtio_ && state.console) virtio_->set_console(*state.console);
    // The interrupt controllers' state has the line's level.
    if (uart_line_) uart_line_->assume(uart_.interrupt());
}

void Board::write_uart(PortAccess const& access) {
    std::string text;
    for (std::uint32_t i = 0; i < access.count; ++i)
        uart_.write(access.port, static_cast<std::uint8_t>(access.element(i)),
                    [&](char byte) { text += byte; });
    if (!text.empty()) console_(text);
}

void Board::answer_by_uart(PortAccess const& access) {
    // A byte that is sent takes the interrupt of the one before it back.
    if (uart_line_ && !access.in && access.port == GuestUart::base) uart_line_->set(false);
    if (!access.in) write_uart(access);
    for (std::uint32_t i = 0; access.in && i < access.count; ++i)
        access.set_element(i, uart_.read(access.port));
    if (uart_line_) uart_line_->set(uart_.interrupt());
}

std::optional<Stop> Board::answer(PortAccess const& access) {
    std::lock_guard const lock{mutex_};
    if (GuestUart::has(access.port) && access.size == 1) {
        answer_by_uart(access);
        return std::nullopt;
    }
    if (pc_ && PcDevices::has(access)) return pc_->answer(access);
    return unknown_.answer(access);
}

std::optional<Stop> Board::answer(MemoryAccess const& access) {
    std::lock_guard const lock{mutex_};
    if (virtio_ && virtio_->answer(access)) return std::nullopt;
    return unknown_.answer(access);
}

} // namespace twofold::vmm::kvm
