# The targets of hv/ and guest/, when these are another preset's: counts of ticks are one compiler's, and
# every preset's tests compare the same integers. They are brought up to date there, then copied here.
set(other ${PROJECT_SOURCE_DIR}/build/${TWOFOLD_MACHINE_CODE_PRESET})
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/hv ${CMAKE_BINARY_DIR}/guest)

add_custom_target(machine_code ALL
    COMMAND test -f ${other}/build.ninja || ${CMAKE_COMMAND} --preset ${TWOFOLD_MACHINE_CODE_PRESET}
    COMMAND ${CMAKE_COMMAND} --build ${other} --target hypervisor_image guests
    COMMAND cp --update --target-directory=${CMAKE_BINARY_DIR}/hv ${other}/hv/hypervisor.img
    COMMAND cp --update --target-directory=${CMAKE_BINARY_DIR}/guest ${other}/guest/*.elf
        ${other}/guest/*.debug
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    USES_TERMINAL
    COMMENT "Taking the hypervisor and the guests of the preset ${TWOFOLD_MACHINE_CODE_PRESET}")
add_custom_target(hypervisor_image DEPENDS machine_code)
add_custom_target(guests DEPENDS machine_code)
