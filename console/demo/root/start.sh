#!/bin/sh
# The sample application: writes its page for this container, then serves it. Not being root, it writes to /tmp only.
set -e
mkdir -p /tmp/www
sed -e "s/@VERSION@/$VERSION/g" -e "s/@COLOUR@/$COLOUR/g" -e "s/@HOST@/$(hostname)/g" \
    -e "s/@STARTED@/$(date -u '+%Y-%m-%d %H:%M:%S')/g" -e "s/@GREETING@/${GREETING:-Hello}/g" \
    /app/page.html > /tmp/www/index.html
# The health check asks for this file; the version called "sick" never gives it.
if [ "$VERSION" != sick ]; then echo ok > /tmp/www/healthz; fi
echo "hello $VERSION listening on port 8080 as $(hostname)"
exec httpd -f -v -p 8080 -h /tmp/www 2>&1  # requests are no errors
