#include "guest/hostile/attempt.hpp"

#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/processor.hpp"
#include "guest/kit/traps.hpp"

/// attempt.S
extern "C" void begin_attempt(void (*action)(void*), void* argument);
extern "C" char const end_attempt[];
extern "C" std::uint64_t attempt_stack;

namespace twofold::guest {

namespace {

constexpr std::uint64_t only_the_fixed_flag = 2;

constinit bool attempting = false;
constinit Trap last{};

void end_attempt_by(TrapFrame& frame) {
    if (!attempting) {
        print("exception ", frame.vector, " outside of an attempt, at rip ", abi::hex(frame.rip),
              ", error code ", abi::hex(frame.error_code), '\n');
        exit(1);
    }
    attempting = false;
    last = {frame.vector, frame.error_code, frame.rip, read_cr2()};
    frame.rip = reinterpret_cast<std::uint64_t>(end_attempt);
    frame.rsp = attempt_stack;
    frame.rflags = only_the_fixed_flag;
    frame.cs = selector::code;
    frame.ss = selector::data;
}

} // namespace

void catch_traps() {
    for (unsigned vector = 0; vector < 256; ++vector)
        set_trap_handler(static_cast<std::uint8_t>(vector), end_attempt_by);
}

Trap attempt_call(void (*action)(void*), void* argument) {
    last = {};
    attempting = true;
    begin_attempt(action, argument);
    attempting = false;
    return last;
}

} // namespace twofold::guest
