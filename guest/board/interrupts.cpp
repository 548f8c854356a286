#include "guest/board/interrupts.hpp"

#include "guest/kit/processor.hpp"
#include "guest/kit/traps.hpp"

#include <twofold/abi/report.hpp>

#include <tuple>

namespace twofold::guest {

namespace {

constexpr std::uint16_t first_command = 0x20;
constexpr std::uint16_t first_data = 0x21;
constexpr std::uint16_t second_command = 0xa0;
constexpr std::uint16_t second_data = 0xa1;
constexpr std::uint8_t first_vector = 0x20;
constexpr std::uint8_t all_masked = 0xff;
constexpr std::uint8_t timer_line = 0;
constexpr std::uint8_t serial_line = 4;

constinit std::uint64_t timer_interrupts = 0;
constinit std::uint64_t timer_interrupts_wanted = 0;
constinit std::uint64_t serial_interrupts = 0;
constinit std::string_view unsent;
constinit bool sent = false;

void end_of_interrupt() { write_port(first_command, std::uint8_t{0x20}); }

void on_timer(TrapFrame&) {
    if (++timer_interrupts == timer_interrupts_wanted) write_port(first_data, all_masked);
    end_of_interrupt();
}

void on_serial(TrapFrame&) {
    constexpr std::uint16_t identification = abi::console_port + 2;
    ++serial_interrupts;
    (void)read_port_8(identification); // which takes the interrupt back
    if (unsent.empty()) {
        sent = true;
    } else {
        write_port(abi::console_port, static_cast<std::uint8_t>(unsent.front()));
        unsent.remove_prefix(1);
    }
    end_of_interrupt();
}

/// Halts, with just this line's interrupts, until `done()`.
template <class Done>
void halt_until(std::uint8_t line, TrapHandler handler, Done&& done) {
    set_trap_handler(static_cast<std::uint8_t>(first_vector + line), handler);
    write_port(first_data, static_cast<std::uint8_t>(all_masked & ~(1U << line)));
    while (!done())
        asm volatile("sti; hlt; cli" : : : "memory");
    write_port(first_data, all_masked);
}

} // namespace

void take_over_interrupts() {
    for (auto const& [command, data, vector, place] :
         {std::tuple{first_command, first_data, first_vector, std::uint8_t{4}},
          std::tuple{second_command, second_data, std::uint8_t{first_vector + 8},
                     std::uint8_t{2}}}) {
        write_port(command, std::uint8_t{0x11}); // initialise, with a fourth word
        write_port(data, vector);
        write_port(data, place); // where the second hangs on the first
        write_port(data, std::uint8_t{1});
        write_port(data, all_masked);
    }
}

std::uint64_t wait_for_timer(std::uint64_t times) {
    constexpr std::uint16_t counter = 0x40;
    constexpr std::uint16_t control = 0x43;
    timer_interrupts_wanted = times;
    constexpr unsigned divisor = 11'932;     // of 1,193,182 a second
    write_port(control, std::uint8_t{0x34}); // both bytes, rate generator
    write_port(counter, static_cast<std::uint8_t>(divisor));
    write_port(counter, static_cast<std::uint8_t>(divisor >> 8));
    halt_until(timer_line, on_timer, [times] { return timer_interrupts == times; });
    return timer_interrupts;
}

std::uint64_t send_by_interrupt(std::string_view text) {
    constexpr std::uint16_t interrupt_enable = abi::console_port + 1;
    constexpr std::uint16_t modem_control = abi::console_port + 4;
    unsent = text;
    write_port(modem_control, std::uint8_t{0x0b});    // DTR, RTS, and OUT2, which lets them out
    write_port(interrupt_enable, std::uint8_t{0x02}); // when the transmitter is empty: now
    halt_until(serial_line, on_serial, [] { return sent; });
    write_port(interrupt_enable, std::uint8_t{0});
    return serial_interrupts;
}

} // namespace twofold::guest
