// Hypercalls that there are not, and pointers that lead nowhere, by both doors.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/paging.hpp"

namespace twofold::guest {

namespace {

constexpr auto unknown = static_cast<std::uint64_t>(abi::HypercallError::unknown_number);
constexpr auto bad = static_cast<std::uint64_t>(abi::HypercallError::bad_argument);
constexpr auto figure = static_cast<std::uint64_t>(abi::Hypercall::figure);

std::uint64_t by_vmcall(std::uint64_t number) {
    asm volatile("vmcall" : "+a"(number) : "D"(0), "S"(0), "c"(0) : "memory");
    return number;
}

void check_numbers(Checks& checks, bool with_vmcall) {
    for (unsigned position = 10; position < 64; ++position) {
        checks.expect_value("an unknown number by the port", hypercall(bit(position)), unknown);
        if (with_vmcall)
            checks.expect_value("an unknown number by VMCALL", by_vmcall(bit(position)), unknown);
    }
    checks.expect_value("an unknown number", hypercall(~std::uint64_t{0} - 2), unknown);
    checks.expect_value("nothing", with_vmcall ? by_vmcall(0) : hypercall(0), 0);
}

void check_pointers(Checks& checks, std::uint64_t beyond) {
    constexpr char good[] = "good_name";
    auto const address = reinterpret_cast<std::uint64_t>(&good);
    checks.expect_value("a figure", hypercall(figure, address, sizeof good - 1, 7), 0);
    for (std::uint64_t const length : {std::uint64_t{0}, std::uint64_t{65}, ~std::uint64_t{0}})
        checks.expect_value("a name of a wrong length", hypercall(figure, address, length), bad);
    constexpr std::uint64_t hole = std::uint64_t{1} << 45;
    for (std::uint64_t const nowhere : {hole, beyond, not_canonical, not_canonical | address,
                                        ~std::uint64_t{0}, beyond + page_4k.bytes() - 4})
        checks.expect_value("a name that is nowhere", hypercall(figure, nowhere, 8), bad);
    constexpr char markup[] = "\"},{\"x\n";
    checks.expect_value("a name that is no name",
                        hypercall(figure, reinterpret_cast<std::uint64_t>(&markup), 8), bad);
}

void check_walks(Checks& checks, std::uint64_t beyond) {
    checks.expect_value("the walk of a page", walk(Gva{reinterpret_cast<std::uint64_t>(&checks)}),
                        24);
    // To the guest's leaf, and then as far as EPT has tables.
    std::uint64_t const references = walk(Gva{beyond});
    checks.expect("the walk to behind the memory ends early", references > 20 && references < 24);
    checks.expect("the walk of a hole ends early", walk(Gva{std::uint64_t{1} << 45}) < 24);
    checks.expect_value("the walk of what is not canonical reads nothing", walk(Gva{not_canonical}),
                        0);
}

} // namespace

/// "by-port" leaves VMCALL out, which KVM answers itself or never.
int hypercalls(Arguments arguments) {
    Checks checks;
    check_numbers(checks, arguments.size() < 2 || arguments[1] != "by-port");
    auto const beyond = map_region(Gpa{launch().memory_bytes}, page_4k.bytes(), page_4k);
    check_pointers(checks, beyond->value());
    check_walks(checks, beyond->value());
    return checks.result();
}

} // namespace twofold::guest
