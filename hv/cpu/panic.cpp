#include "hv/cpu/panic.hpp"

#include "hv/boot/mapped_regions.hpp"
#include "hv/cpu/control_registers.hpp"
#include "hv/cpu/exception_frame.hpp"
#include "hv/cpu/machine_exit.hpp"
#include "hv/device/serial_ports.hpp"
#include "hv/report.hpp"

#include <twofold/abi/text.hpp>
#include <twofold/arch/exception.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace twofold::hv {

namespace {

using Message = abi::TextBuffer<160>;

constinit std::string_view culprit = "Twofold's hypervisor panics: ";

struct NamedRegister {
    std::string_view name;
    std::uint64_t value;
};

/// A push that finds the stack's guard page cannot push the page fault either.
bool stack_is_exhausted(ExceptionFrame const& frame, std::uint64_t cr2) {
    auto const holds_address = [&](MemoryRange const& guard) {
        return guard.holds({Hpa{cr2}, Hpa{cr2 + 1}});
    };
    return frame.vector == exception::double_fault && std::ranges::any_of(guards, holds_address);
}

/// What the error code and CR2 say, in words.
Message explain(ExceptionFrame const& frame, std::uint64_t cr2) {
    Message message;
    if (frame.vector == exception::page_fault) {
        PageFaultCode const code{frame.error_code};
        message(code.access_text());
        message(" ");
        abi::put_hexadecimal(message, cr2);
        message(": ");
        message(code.reason_text());
    } else if (stack_is_exhausted(frame, cr2)) {
        message("the stack is exhausted, its guard page was touched at ");
        abi::put_hexadecimal(message, cr2);
    } else if (exception_has_error_code(static_cast<std::uint8_t>(frame.vector))) {
        message("error code ");
        abi::put_hexadecimal(message, frame.error_code);
    } else {
        message("without an error code");
    }
    return message;
}

void print_registers(ExceptionFrame const& frame, std::uint64_t cr2) {
    std::array const registers{
        NamedRegister{"rax", frame.rax},       NamedRegister{"rbx", frame.rbx},
        NamedRegister{"rcx", frame.rcx},       NamedRegister{"rdx", frame.rdx},
        NamedRegister{"rsi", frame.rsi},       NamedRegister{"rdi", frame.rdi},
        NamedRegister{"rbp", frame.rbp},       NamedRegister{"rsp", frame.rsp},
        NamedRegister{"r8", frame.r8},         NamedRegister{"r9", frame.r9},
        NamedRegister{"r10", frame.r10},       NamedRegister{"r11", frame.r11},
        NamedRegister{"r12", frame.r12},       NamedRegister{"r13", frame.r13},
        NamedRegister{"r14", frame.r14},       NamedRegister{"r15", frame.r15},
        NamedRegister{"rflags", frame.rflags}, NamedRegister{"cs", frame.cs},
        NamedRegister{"cr0", read_cr0()},      NamedRegister{"cr2", cr2},
        NamedRegister{"cr3", read_cr3()},      NamedRegister{"cr4", read_cr4()},
    };
    for (std::size_t i = 0; i < registers.size(); ++i) {
        console(i % 4 == 0 ? "\r\n " : "");
        console(" ");
        console(registers[i].name);
        console(" ");
        abi::put_hexadecimal(console, registers[i].value);
    }
    console("\r\n");
}

void print_panic(std::string_view name, ExceptionFrame const& frame, std::string_view message,
                 std::uint64_t cr2) {
    console("\r\n");
    console(culprit);
    console(name);
    console(" at ");
    abi::put_hexadecimal(console, frame.rip);
    console(", ");
    console(message);
    print_registers(frame, cr2);
}

} // namespace

extern "C" [[noreturn]] void handle_exception(ExceptionFrame const& frame) {
    static constinit bool panicking = false;
    if (panicking) machine_exit();
    panicking = true;

    std::uint64_t const cr2 = read_cr2();
    std::string_view const name = exception_name(static_cast<std::uint8_t>(frame.vector));
    Message const message = explain(frame, cr2);
    print_panic(name, frame, message.text(), cr2);
    report_panic({frame.vector, name, frame.rip, frame.error_code, cr2, message.text()});
    report_end();
    machine_exit();
}

void blame_native_guest() {
    culprit = "The guest, which runs natively, does not handle its exception: ";
}

void stop_with_error(std::string_view message) {
    console("\r\nTwofold's hypervisor stops: ");
    console(message);
    console("\r\n");
    report_error(message);
    report_end();
    machine_exit();
}

} // namespace twofold::hv
