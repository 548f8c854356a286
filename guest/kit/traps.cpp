#include "guest/kit/traps.hpp"

#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/exception.hpp>

#include <array>

extern "C" void handle_trap(twofold::guest::TrapFrame& frame);

namespace twofold::guest {

namespace {

constinit std::array<TrapHandler, 256> handlers{};

[[noreturn]] void end_by(TrapFrame const& frame) {
    auto const vector = static_cast<std::uint8_t>(frame.vector);
    print("exception ", exception_name(vector), " at rip ", abi::hex(frame.rip), ", error code ",
          abi::hex(frame.error_code), ", cr2 ", abi::hex(read_cr2()), '\n');
    exit(128U + vector);
}

} // namespace

void set_trap_handler(std::uint8_t vector, TrapHandler handler) { handlers[vector] = handler; }

} // namespace twofold::guest

void handle_trap(twofold::guest::TrapFrame& frame) {
    auto const handler = twofold::guest::handlers[frame.vector & 0xff];
    if (handler == nullptr) twofold::guest::end_by(frame);
    handler(frame);
}
