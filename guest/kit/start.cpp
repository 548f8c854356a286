#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/native_report.hpp"
#include "guest/kit/stack.hpp"
#include "guest/kit/traps.hpp"

/// start.S
extern "C" [[noreturn]] void continue_on_stack(std::uint64_t stack_end, void (*next)());
extern "C" [[noreturn]] void start_guest(twofold::abi::LaunchInfo const& info, std::uint64_t tick);
/// guest.ld
using Constructor = void (*)();
extern "C" Constructor const constructors_begin[];
extern "C" Constructor const constructors_end[];

namespace twofold::guest {

namespace {

constexpr std::uint64_t exit_usage = 2;

void run_to_the_end() {
    for (auto const* constructor = constructors_begin; constructor != constructors_end;
         ++constructor)
        (*constructor)();
    exit(static_cast<std::uint64_t>(run_kernel(arguments())));
}

} // namespace

} // namespace twofold::guest

void start_guest(twofold::abi::LaunchInfo const& info, std::uint64_t tick) {
    using namespace twofold::guest;
    bool const fits = accept_launch(info, tick);
    load_descriptor_tables();
    if (is_native()) report_native_start();
    if (!fits) {
        print("more arguments than the guest has room for\n");
        exit(exit_usage);
    }
    continue_on_stack(make_stack(), run_to_the_end);
}
