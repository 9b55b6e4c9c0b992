# cmake -DINPUT=file -DOUTPUT=file.cpp -DNAME=symbol -P MPQEmbed.cmake: the bytes of a file as a constant
# `NAME` of `NAME_size` bytes with C linkage.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" length)
math(EXPR size "${length} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "extern \"C\" {
extern const unsigned char ${NAME}[];
extern const unsigned long ${NAME}_size;
const unsigned char ${NAME}[] = {
${bytes}
};
const unsigned long ${NAME}_size = ${size};
}
")
