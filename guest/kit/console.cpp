#include "guest/kit/console.hpp"

#include "guest/kit/hypercall.hpp"
#include "guest/kit/launch.hpp"
#include "guest/kit/uart.hpp"

#include <twofold/abi/report.hpp>

namespace twofold::guest {

namespace {

/// False where the text is too long for one call.
bool write_by_call(std::string_view text) {
    return hypercall(static_cast<std::uint64_t>(abi::Hypercall::console),
                     reinterpret_cast<std::uint64_t>(text.data()), text.size()) == 0;
}

} // namespace

void write_console(std::string_view text) {
    if (is_native()) {
        Uart{abi::console_port}(text);
        return;
    }
    if (launch().habitat == abi::Habitat::kvm && write_by_call(text)) return;
    char const* from = text.data();
    std::size_t bytes = text.size();
    asm volatile("rep outsb" : "+S"(from), "+c"(bytes) : "d"(abi::console_port) : "memory");
}

void put(Line& line, PageSize size) {
    constexpr std::string_view units = "KMG";
    unsigned const unit = (size.shift() - 10) / 10;
    put(line, size.bytes() >> (10 * (unit + 1)));
    put(line, units[unit]);
}

} // namespace twofold::guest
