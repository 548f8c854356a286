#include "guest/kit/console.hpp"

#include "guest/kit/launch.hpp"
#include "guest/kit/uart.hpp"

#include <twofold/abi/report.hpp>

namespace twofold::guest {

void write_console(std::string_view text) {
    if (is_native()) {
        Uart{abi::console_port}(text);
        return;
    }
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
